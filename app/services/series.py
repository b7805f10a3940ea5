"""What a batch adds to its minute: outcomes, latency and freshness, for exactly the ledger rows that are new.

Freshness is the time from a change at the provider to the COMMIT that makes it queryable. It is measured of events that
told something new: the batch changed their object. Whoever repeats what is held already, however late, delays nobody.
What we put into the queue ourselves (by hand, for a sync, as a replay) is no live call and does not count either. An
event that ends dead was never queryable: it is late, unless it was the tenant's own limit that kept it out.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from app.core.histogram import count_buckets
from app.core.sealing import TenantKeys
from app.services.event_ids import is_own_event_id
from app.services.told_nothing import PROBE_REASON
from db.gaps import LIMIT_REASONS
from db.ledger import LedgerEntry
from db.series import SeriesCounts
from schemas.events import EventKind, Outcome
from schemas.records import RecordStream

STREAM_OF_KIND: Mapping[EventKind, RecordStream] = {"order": "orders", "customer": "customers"}
LATE_AFTER_MS = 60_000


class Fresh(NamedTuple):
    """How old a change was when it became queryable."""

    stream: RecordStream
    freshness_ms: int


class BatchSeries(NamedTuple):
    """`counts`: one per stream that the batch touched. `fresh`: of each event that counts."""

    counts: list[SeriesCounts]
    fresh: list[Fresh]


def measure_batch(
    keys: TenantKeys,
    entries: Iterable[LedgerEntry],
    outcomes: Mapping[str, Outcome],
    replays: frozenset[str],
    *,
    synced: Mapping[RecordStream, int],
    late_after_ms: int = LATE_AFTER_MS,
) -> BatchSeries:
    """`outcomes`: of the ledger rows that are new; `replays`: those of them that replay a dead letter. `synced`: rows
    that the batch changed without an event."""
    by_stream: dict[RecordStream, list[LedgerEntry]] = {stream: [] for stream, rows in synced.items() if rows}
    for entry in entries:
        if entry.event_id in outcomes and entry.reason != PROBE_REASON:
            by_stream.setdefault(STREAM_OF_KIND[entry.kind], []).append(entry)
    counts: list[SeriesCounts] = []
    fresh: list[Fresh] = []
    for stream, settled in by_stream.items():
        live = [
            entry
            for entry in settled
            if _can_count(entry) and entry.event_id not in replays and not is_own_event_id(keys, entry.event_id)
        ]
        ages = [entry.freshness_ms for entry in live if entry.outcome != "dead" and entry.freshness_ms is not None]
        dead = sum(entry.outcome == "dead" for entry in live)
        fresh += [Fresh(stream, age) for age in ages]
        told = Counter(entry.outcome for entry in settled)
        counts.append(
            SeriesCounts(
                stream,
                applied=told["applied"],
                superseded=told["superseded"],
                duplicate=told["duplicate"],
                ignored=told["ignored"],
                dead=told["dead"],
                synced=synced.get(stream, 0),
                counted=len(ages) + dead,
                late=sum(age > late_after_ms for age in ages) + dead,
                latency=count_buckets(entry.latency_ms for entry in settled),
                freshness=count_buckets(ages),
            )
        )
    return BatchSeries(counts, fresh)


def find_minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _can_count(entry: LedgerEntry) -> bool:
    if entry.outcome == "dead":
        return entry.reason not in LIMIT_REASONS
    return entry.freshness_ms is not None
