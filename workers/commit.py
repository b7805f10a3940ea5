"""One batch of arrivals becomes rows and ledger entries; a row that Postgres refuses is found by halving."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from app.core.errors import KeystoreUnavailableError
from app.core.logging import get_logger
from app.core.metric_labels import TENANT_NAMES
from app.core.metrics import CHANGES, EVENT_LATENCY_SECONDS, EVENTS_SETTLED, FRESHNESS_SECONDS
from app.core.sealing import TenantKeys
from app.services.apply import Applied, Settlement, apply_batch
from db.failures import classify, is_our_mistake, is_server_away
from schemas.events import Outcome
from schemas.ids import read_uuid7_ms
from workers.context import DrainContext
from workers.held import NO_ANSWER, Arrival, Held

log = get_logger()


class SurroundingsError(Exception):
    """The batch failed through no fault of its own: it is refunded, and the tenant is held."""


async def commit_arrivals(
    context: DrainContext, tenant_id: int, keys: TenantKeys, arrivals: Sequence[Arrival]
) -> dict[str, Outcome]:
    """Commits and returns event id → outcome. Raises SurroundingsError when nothing is known to be committed."""
    settlements = [settlement for arrival in arrivals for settlement in _settlements_of(arrival, keys)]
    loose = [one.observation for one in arrivals if not one.events and one.observation is not None]
    try:
        tenant = await context.tenants.get(tenant_id)
        applied = await apply_batch(
            context.database, keys, settlements, loose, now=datetime.now(UTC), country=tenant.country,
            limits=tenant.limits, late_after_ms=round(context.settings.objective_within_s * 1_000),
        )  # fmt: skip
    except Exception as error:
        if isinstance(error, KeystoreUnavailableError) or classify(error) == "surroundings":
            if is_server_away(error):
                context.gate.close(type(error).__name__)
            elif is_our_mistake(error):
                log.error("commit.refused", tenant_id=tenant_id, error=type(error).__name__, exc_info=error)
            raise SurroundingsError(type(error).__name__) from error
        return await _commit_halves(context, tenant_id, keys, arrivals, error)
    _count(tenant_id, tenant.type, applied)
    if applied.kept_out:
        log.warning("customers.kept_out", tenant_id=tenant_id, customers=len(applied.kept_out),
                    todo="raise the limit: they wait as pointers and are fetched then")  # fmt: skip
    await _record_latency(context, applied.outcomes)
    return applied.outcomes


async def _commit_halves(
    context: DrainContext, tenant_id: int, keys: TenantKeys, arrivals: Sequence[Arrival], error: Exception
) -> dict[str, Outcome]:
    if len(arrivals) > 1:
        middle = len(arrivals) // 2
        first = await commit_arrivals(context, tenant_id, keys, arrivals[:middle])
        return first | await commit_arrivals(context, tenant_id, keys, arrivals[middle:])
    alone = arrivals[0]
    if not alone.events:
        return {}  # the event that it was asked for will meet the same row again
    if alone.dead_reason is not None:
        # Not even its dead letter can be written: that is no fault of the document.
        raise SurroundingsError(type(error).__name__) from error
    log.warning("events.row_refused", tenant_id=tenant_id, object_id=alone.events[0].event.object_id,
                error=type(error).__name__, sqlstate=getattr(error, "sqlstate", None))  # fmt: skip
    dead = Arrival(alone.events, dead_reason="row_refused", dead_field=getattr(error, "column_name", None))
    return await commit_arrivals(context, tenant_id, keys, [dead])


def _settlements_of(arrival: Arrival, keys: TenantKeys) -> list[Settlement]:
    return [_settle(held, arrival, keys) for held in arrival.events]


def _settle(held: Held, arrival: Arrival, keys: TenantKeys) -> Settlement:
    is_dead, is_ignored = arrival.dead_reason is not None, arrival.ignored_reason is not None
    body = keys.seal("dead_letter.v1", held.event.event_id, held.entry.body) if is_dead else None
    return Settlement(
        event=held.event,
        attempts=held.entry.tries + (0 if arrival.dead_reason == NO_ANSWER else 1),
        observation=arrival.observation,
        outcome="dead" if is_dead else "ignored" if is_ignored else None,
        reason=arrival.dead_reason or arrival.ignored_reason,
        field=arrival.dead_field,
        sealed_body=body,
    )


def _count(tenant_id: int, tenant_type: str, applied: Applied) -> None:
    for fresh in applied.fresh:
        FRESHNESS_SECONDS.labels(fresh.stream).observe(fresh.freshness_ms / 1000)
    if applied.counted:
        CHANGES.labels(tenant_type, "in_time").inc(applied.counted - applied.late)
        CHANGES.labels(tenant_type, "late").inc(applied.late)
    for outcome in applied.outcomes.values():
        EVENTS_SETTLED.labels(tenant_id=TENANT_NAMES.get(tenant_id), outcome=outcome).inc()


async def _record_latency(context: DrainContext, outcomes: dict[str, Outcome]) -> None:
    """From acceptance to now, after COMMIT has returned. The cache may be away: that costs a figure, no event."""
    now_ms = time.time_ns() / 1_000_000
    latencies = [max(0.0, now_ms - read_uuid7_ms(event_id)) for event_id in outcomes]
    for latency in latencies:
        EVENT_LATENCY_SECONDS.observe(latency / 1000)
    try:
        await context.latency.record(latencies)
    except Exception as error:
        log.debug("latency.not_recorded", error=type(error).__name__)
