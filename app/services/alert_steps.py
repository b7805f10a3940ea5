"""From what is found and what is open to what must be done: opened, seen, told again, closed. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

from app.core.settings import Settings
from app.services.alert_findings import Finding
from app.services.alert_rules import Severity
from db.alert_channels import Listener
from db.alerts import AlertRow, Figures

SEEN_EVERY = timedelta(minutes=5)  # an open alert's figures are written no oftener


class Step(NamedTuple):
    """`open`: `finding` alone. `see`, `tell`: both. `close`: `row`, and `finding` unless nothing is watched any more.
    `channel_ids`: who is told."""

    kind: Literal["open", "see", "tell", "close"]
    finding: Finding | None
    row: AlertRow | None
    channel_ids: Sequence[UUID] = ()


def plan_steps(
    findings: Iterable[Finding], rows: Iterable[AlertRow], listeners: Sequence[Listener], settings: Settings,
    now: datetime,
) -> list[Step]:  # fmt: skip
    """Of one tenant, or of the platform. An alert of which nothing is found any more is closed."""
    opened = {(row.rule, row.integration_id): row for row in rows}
    steps: list[Step] = []
    for finding in findings:
        row = opened.pop(finding.key, None)
        if row is not None:
            steps += _go_on(finding, row, listeners, settings, now)
        elif finding.is_over:
            told = _choose(listeners, finding.rule.name, finding.rule.severity)
            steps.append(Step("open", finding, None, told))
    return steps + [_close(None, row, listeners) for row in opened.values()]


def get_figures(finding: Finding) -> Figures:
    return Figures(finding.value, finding.threshold, finding.details)


def _go_on(
    finding: Finding, row: AlertRow, listeners: Sequence[Listener], settings: Settings, now: datetime
) -> list[Step]:
    if finding.is_clear:
        return [_close(finding, row, listeners)]
    told = _choose(listeners, row.rule, row.severity)
    if told and _is_due(row, settings, now):
        return [Step("tell", finding, row, told)]
    # What is so or not says in its details how it is: others' figures may be a few minutes old.
    has_news = finding.threshold is None and any(
        row.details.get(name) != value for name, value in finding.details.items()
    )
    return [Step("see", finding, row)] if has_news or now - row.last_seen_at >= SEEN_EVERY else []


def _is_due(row: AlertRow, settings: Settings, now: datetime) -> bool:
    """One that nobody was told of, since there was no channel, is told as soon as there is one."""
    if row.acknowledged_at is not None or row.is_snoozed(now):
        return False
    hours = settings.alert_repeat_critical_h if row.severity == "critical" else settings.alert_repeat_h
    return row.notified_at is None or now - row.notified_at >= timedelta(hours=hours)


def _close(finding: Finding | None, row: AlertRow, listeners: Sequence[Listener]) -> Step:
    return Step("close", finding, row, _choose(listeners, row.rule, row.severity))


def _choose(listeners: Sequence[Listener], rule: str, severity: Severity) -> list[UUID]:
    return [one.channel_id for one in listeners if one.wants(rule, severity)]
