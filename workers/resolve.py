"""From a fetch's outcome to what becomes of each of its group's events. No I/O: a table in code."""

from app.services.apply import Observation
from schemas.events import Event
from workers.held import Arrival, Group, Held, Resolution
from workers.policy import Decision, RetryLimits, decide


def resolve_group(
    group: Group, result: Observation | Exception, limits: RetryLimits, *, has_account_answered: bool
) -> Resolution:
    """What to settle, retry, postpone or hold."""
    if isinstance(result, Exception):
        return _resolve_failure(group, result, limits, has_account_answered)
    return _resolve_document(group, result, limits)


def _resolve_document(group: Group, observation: Observation, limits: RetryLimits) -> Resolution:
    """A document older than a hint is not what the hint told of: that event waits for a newer one. So does one whose
    document the provider gave in part; what it told counts at once.

    After the last try what the provider says stands: a replica that lags for good cannot be told from the truth.
    """
    resolution = Resolution()
    ready: list[Held] = []
    for held in group.events:
        is_short = not observation.is_whole or _is_behind(observation, held.event)
        if is_short and held.entry.tries + 1 < limits.tries_max:
            resolution.retries.append(held)
        else:
            ready.append(held)
    if ready:
        resolution.arrivals.append(Arrival(ready, observation=observation))
    elif not observation.is_whole:
        resolution.arrivals.append(Arrival([], observation=observation))
    return resolution


def _is_behind(observation: Observation, event: Event) -> bool:
    stamp = observation.record.source_updated_at
    return stamp is not None and event.stamp is not None and stamp < event.stamp


def _resolve_failure(group: Group, error: Exception, limits: RetryLimits, has_account_answered: bool) -> Resolution:
    resolution = Resolution()
    for held in group.events:
        decision = decide(error, held.event, held.entry.tries, limits, has_account_answered=has_account_answered)
        _place(resolution, held, decision)
    return resolution


def _place(resolution: Resolution, held: Held, decision: Decision) -> None:
    if decision.action == "retry":
        resolution.retries.append(held)
    elif decision.action == "dead":
        resolution.arrivals.append(Arrival([held], dead_reason=decision.reason, dead_field=decision.field))
    elif decision.action == "ignore":
        resolution.arrivals.append(Arrival([held], ignored_reason=decision.reason))
    elif decision.action == "pause_integration":
        resolution.postponed.append(held)
    else:
        resolution.held.append(held)
        resolution.hold_reason = decision.reason
        resolution.hold_s = decision.hold_s
