"""What a repair says of the differences that it found: what became of each, and how many of a day. No I/O."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date

from app.connectors.listing import Listing
from app.core.errors import ObjectNotFoundError
from db.completeness import DayFound, Finding, FindingOutcome
from workers.sync_checkpoint import Tally
from workers.sync_differences import Differences
from workers.sync_fetch import Fetched


def count_days(findings: Iterable[Finding], listed: Iterable[Listing]) -> list[DayFound]:
    """What a look adds to each day: objects listed, and differences."""
    counts: dict[date, Counter[str]] = defaultdict(Counter)
    for listing in listed:
        if listing.created_at is not None:
            counts[listing.created_at.astimezone(UTC).date()]["listed"] += 1
    for finding in findings:
        counts[finding.day][finding.finding] += 1
    return [DayFound(day, *(count[name] for name in DayFound._fields[1:])) for day, count in sorted(counts.items())]


def judge(
    differences: Differences, handled: Sequence[str], fetched: Fetched, tally: Tally
) -> tuple[list[tuple[str, FindingOutcome]], list[str]]:
    """What became of each difference, and who was missing when asked for."""
    outcomes: list[tuple[str, FindingOutcome]] = []
    missing: list[str] = []
    for one in handled:
        kind, failure = differences.kinds[one], fetched.failures.get(one)
        if kind == "unlisted" and isinstance(failure, ObjectNotFoundError):
            missing.append(one)
        elif failure is not None:
            tally.note_failure(one, failure)
            outcomes.append((one, "dead"))
        else:
            outcomes.append((one, "left_alone" if kind == "unlisted" else "repaired"))
    return outcomes, missing
