"""Whether an integration is as current as it should be, and a tenant with it. Pure.

What is expected depends on what keeps an integration current:

- real time or an hourly sync (rule `age`): the document's figures, two hours and a day since it was last current;
- a daily, weekly or cron schedule (rule `schedule`): the same two hours and a day, counted from the first moment of the
  schedule after it was last current, its jitter and the tenant's clocks included;
- nothing that we know of (rule `none`): whoever only speaks when something happens is never late. Not heard of for a
  day, nobody knows.

The view `tenant_health` says the same in SQL; a test holds the two together.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from schemas.sync_status import Health

HEALTHY_WITHIN = timedelta(hours=2)
WARNING_WITHIN = timedelta(days=1)
WORST_FIRST: tuple[Health, ...] = ("critical", "warning", "unknown", "healthy", "paused")

Rule = Literal["age", "schedule", "none"]


class Expected(NamedTuple):
    """By what lateness is judged. `due_at`: by when it should be current again, None under `none`."""

    rule: Rule
    due_at: datetime | None = None


class Known(NamedTuple):
    """What is known of one integration. `is_served`: its tenant is active. `since`: when it was last known to be
    current, None while it never was. `is_syncing`: a run of it goes on."""

    status: str
    is_served: bool
    since: datetime | None
    created_at: datetime
    is_syncing: bool = False


def find_rule(*, is_synced: bool, frequency: str, has_hook: bool) -> Rule:
    """`is_synced`: syncs of it begin by themselves. `has_hook`: the provider tells it of changes, and is watched."""
    if has_hook:
        return "age"
    if is_synced:
        return "age" if frequency == "hourly" else "schedule"
    return "none"


def judge_health(known: Known, expected: Expected, now: datetime) -> Health:
    """Refused credentials are critical however fresh the data is: nothing comes any more. One that was never current is
    unknown until it is late, and while its first sync goes on."""
    if known.status == "paused" or not known.is_served:
        return "paused"
    if known.status == "credentials_refused":
        return "critical"
    age = now - (known.since or known.created_at)
    if expected.rule == "none":
        return "healthy" if known.since is not None and age <= WARNING_WITHIN else "unknown"
    late = age if expected.rule == "age" or expected.due_at is None else now - expected.due_at
    if known.since is None and (known.is_syncing or late <= HEALTHY_WITHIN):
        return "unknown"
    return "healthy" if late <= HEALTHY_WITHIN else "warning" if late <= WARNING_WITHIN else "critical"


def measure_late_s(expected: Expected, now: datetime) -> float:
    """How long ago it should have been current at the latest; 0 while it is not late."""
    if expected.due_at is None:
        return 0.0
    return max(0.0, (now - expected.due_at).total_seconds())


def find_worst(found: Iterable[Health]) -> Health:
    """Of several; unknown when there is none."""
    return min(found, key=WORST_FIRST.index, default="unknown")


def rank_badness(health: Health, last_sync_at: datetime | None, integration_id: int) -> tuple[int, float, int]:
    """The least is the worst integration: of those that are equally ill the one that was current longest ago."""
    since = float("-inf") if last_sync_at is None else last_sync_at.timestamp()
    return WORST_FIRST.index(health), since, integration_id
