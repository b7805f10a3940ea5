"""Alerts opened, told again and closed, each minute.

1. What is open anywhere, the rules that somebody changed and who wants to be told: three small reads for all tenants.
2. Each tenant's facts are judged and what must be done is planned, without a call to anybody. 3. Only where something
must be done: one transaction of that tenant, with the messages to be sent in it. So a round costs what tenants and
their open alerts cost, and nothing by events; and two rounds at once open, tell and close once, because each statement
goes by how the row was seen.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar
from uuid import UUID

import asyncpg
from asyncpg.exceptions import PostgresError

from app.core.logging import get_logger
from app.core.metrics import ALERTS_OPEN
from app.core.settings import Settings
from app.services.alert_examples import find_example
from app.services.alert_findings import Finding, judge_tenant
from app.services.alert_rules import RULES, Choice, Choices
from app.services.alert_steps import Step, get_figures, plan_steps
from app.services.tenant_facts import TenantFacts
from db import alert_channels as db_channels
from db import alerts as db_alerts
from db.alert_channels import Listener
from db.alert_deliveries import Occasion, insert_deliveries
from db.alert_scope import PLATFORM_ID, alerts_tx
from db.alerts import AlertRow, ChoiceRow
from db.pool import Database
from schemas.ids import make_uuid7

TENANTS_AT_ONCE = 200  # judged without a break: some milliseconds

log = get_logger()


class Round(NamedTuple):
    """What one round did."""

    opened: int = 0
    told_again: int = 0
    closed: int = 0

    def plus(self, other: "Round") -> "Round":
        return Round(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


class _State(NamedTuple):
    """What is known before tenants are judged, by tenant id."""

    rows: Mapping[int, Sequence[AlertRow]]
    choices: Mapping[int, Choices]
    listeners: Mapping[int, Sequence[Listener]]


async def evaluate_alerts(database: Database, settings: Settings, facts: Sequence[TenantFacts], now: datetime) -> Round:
    """One round over all tenants that `facts` are of. `now`: before the facts were read. A tenant that fails is logged,
    and keeps no other from its turn."""
    async with database.platform_tx("read_alerts") as connection:
        state = _State(
            _group(await db_alerts.list_everybodys_open(connection)),
            read_choices(await db_alerts.list_everybodys_choices(connection)),
            _group(await db_channels.list_everybodys_channels(connection)),
        )
    done, left = Round(), {tenant_id: list(rows) for tenant_id, rows in state.rows.items()}
    for number, one in enumerate(facts):
        if number % TENANTS_AT_ONCE == 0:
            await asyncio.sleep(0)  # drains run in the same loop
        tenant_id = one.tenant.tenant_id
        findings = judge_tenant(one, state.choices.get(tenant_id, {}), now)
        rows = left.pop(tenant_id, [])
        steps = plan_steps(findings, rows, state.listeners.get(tenant_id, ()), settings, now)
        if steps:
            done = done.plus(await _try(database, tenant_id, steps, now))
    for tenant_id, rows in left.items():  # of tenants of whom there are no facts: they were deleted
        done = done.plus(await _try(database, tenant_id, plan_steps((), rows, (), settings, now), now))
    return done


async def evaluate_findings(
    database: Database, settings: Settings, tenant_id: int, findings: Sequence[Finding], now: datetime
) -> Round:
    """One round over what is found of the platform (0), or of one tenant."""
    async with database.platform_tx("read_alerts") as connection:
        listeners = _group(await db_channels.list_everybodys_channels(connection))
    async with alerts_tx(database, tenant_id, "read_alerts") as connection:
        rows = await db_alerts.list_open_alerts(connection, tenant_id)
    steps = plan_steps(findings, rows, listeners.get(tenant_id, ()), settings, now)
    return await apply_steps(database, tenant_id, steps, now)


async def apply_steps(database: Database, tenant_id: int, steps: Sequence[Step], now: datetime) -> Round:
    """In one transaction, with the messages that tell of them."""
    if not steps:
        return Round()
    done = Round()
    async with alerts_tx(database, tenant_id, "write_alerts") as connection:
        for step in steps:
            done = done.plus(await _apply(connection, tenant_id, step, now))
    return done


def read_choices(rows: Iterable[ChoiceRow]) -> dict[int, dict[str, Choice]]:
    """Tenant → rule → what somebody set."""
    found: dict[int, dict[str, Choice]] = defaultdict(dict)
    for row in rows:
        found[row.tenant_id][row.rule] = Choice(row.is_enabled, row.threshold)
    return dict(found)


async def tell_open_alerts(database: Database) -> None:
    """The gauge of open alerts: each rule has a figure, 0 among them. Every process tells the same, whoever judges."""
    async with database.platform_tx("count_alerts") as connection:
        rows = await db_alerts.list_everybodys_open(connection)
        rows += await db_alerts.list_open_alerts(connection, PLATFORM_ID)
    counts = Counter(row.rule for row in rows)
    for rule in RULES.values():
        ALERTS_OPEN.labels(rule.name, rule.severity).set(counts[rule.name])


async def _try(database: Database, tenant_id: int, steps: Sequence[Step], now: datetime) -> Round:
    try:
        return await apply_steps(database, tenant_id, steps, now)
    except PostgresError as error:
        log.exception("alerts.round_failed", tenant_id=tenant_id, error=type(error).__name__)
        return Round()


async def _apply(connection: asyncpg.Connection, tenant_id: int, step: Step, now: datetime) -> Round:
    if step.kind == "open":
        return Round(opened=await _open(connection, tenant_id, step, now))
    row = step.row
    assert row is not None, "all but an opening are about an alert that is there"
    if step.kind == "close":
        value = step.finding.value if step.finding is not None else None
        because = "recovered" if step.finding is not None else "unwatched"
        is_told = await db_alerts.close_alert(connection, row, because, value, now)  # type: ignore[arg-type]
        if is_told:
            await insert_deliveries(connection, tenant_id, row.alert_id, "closed", step.channel_ids)
        if is_told is not None:
            log.info("alert.closed", tenant_id=tenant_id, rule=row.rule, because=because)
        return Round(closed=is_told is not None)
    assert step.finding is not None
    figures = get_figures(step.finding)
    # What does not change from one look to the next, such as the example, stays.
    figures = figures._replace(details={**row.details, **figures.details})
    if step.kind == "see":
        await db_alerts.see_alert(connection, row, figures, now)
        return Round()
    occasion: Occasion = "opened" if row.notified_at is None else "repeated"
    is_telling = await db_alerts.tell_alert(connection, row, figures, now)
    if is_telling:
        await insert_deliveries(connection, tenant_id, row.alert_id, occasion, step.channel_ids)
    return Round(told_again=is_telling)


async def _open(connection: asyncpg.Connection, tenant_id: int, step: Step, now: datetime) -> bool:
    finding = step.finding
    assert finding is not None
    example = await find_example(connection, tenant_id, finding.rule.name)
    figures = get_figures(finding)
    if example:
        figures = figures._replace(details={**figures.details, "example": example})
    alert_id = UUID(make_uuid7())
    is_opened = await db_alerts.open_alert(
        connection, tenant_id, alert_id, finding.rule.name, finding.integration_id, finding.rule.severity, figures, now,
        is_told=bool(step.channel_ids),
    )  # fmt: skip
    if is_opened:
        await insert_deliveries(connection, tenant_id, alert_id, "opened", step.channel_ids)
        log.warning("alert.opened", tenant_id=tenant_id, rule=finding.rule.name, severity=finding.rule.severity,
                    value=finding.value, todo=RULES[finding.rule.name].action)  # fmt: skip
    return is_opened


class _OfTenant(Protocol):
    @property
    def tenant_id(self) -> int: ...


T = TypeVar("T", bound=_OfTenant)


def _group(rows: Iterable[T]) -> dict[int, list[T]]:
    found: dict[int, list[T]] = defaultdict(list)
    for row in rows:
        found[row.tenant_id].append(row)
    return dict(found)
