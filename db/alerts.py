"""Alerts and the rules that somebody has changed; of a tenant, or with tenant id 0 of the platform."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

import asyncpg
import orjson

from db.alert_scope import ScopedQueries
from db.queries import load_queries

SQL = ScopedQueries("alerts")
ROUNDS = load_queries("alert_rounds")
LAST_ID = UUID(int=2**128 - 1)

Severity = Literal["warning", "critical"]
State = Literal["open", "closed"]
ClosedBecause = Literal["recovered", "unwatched"]


class AlertRow(NamedTuple):
    """`integration_id` 0: about the tenant itself. `value`, `threshold`: in the rule's unit."""

    tenant_id: int
    alert_id: UUID
    rule: str
    integration_id: int
    severity: Severity
    state: State
    opened_at: datetime
    last_seen_at: datetime
    closed_at: datetime | None
    closed_because: ClosedBecause | None
    value: float | None
    threshold: float | None
    details: Mapping[str, Any]
    notified_at: datetime | None
    repeats: int
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    snoozed_until: datetime | None

    def is_snoozed(self, now: datetime) -> bool:
        return self.snoozed_until is not None and self.snoozed_until > now


class Figures(NamedTuple):
    """How it is now."""

    value: float | None
    threshold: float | None
    details: Mapping[str, Any]

    @property
    def columns(self) -> tuple[float | None, float | None, str]:
        return self.value, self.threshold, orjson.dumps(self.details).decode()


class ChoiceRow(NamedTuple):
    tenant_id: int
    rule: str
    is_enabled: bool
    threshold: float | None


async def open_alert(  # noqa: PLR0917 - what, of whom, how bad, how it is
    connection: asyncpg.Connection, tenant_id: int, alert_id: UUID, rule: str, integration_id: int,
    severity: Severity, figures: Figures, at: datetime, *, is_told: bool,
) -> bool:  # fmt: skip
    """`at`: before the facts were read. False when it is open already, or was closed by newer facts."""
    opened = await connection.fetchval(
        SQL[tenant_id]["open_alert"], tenant_id, alert_id, rule, integration_id, severity, at, *figures.columns, is_told
    )
    return opened is not None


async def see_alert(connection: asyncpg.Connection, row: AlertRow, figures: Figures, at: datetime) -> bool:
    """Still open."""
    statement = SQL[row.tenant_id]["see_alert"]
    return await connection.fetchval(statement, row.tenant_id, row.alert_id, at, *figures.columns) is not None


async def tell_alert(connection: asyncpg.Connection, row: AlertRow, figures: Figures, at: datetime) -> bool:
    """False when somebody else told meanwhile, or it was acknowledged, snoozed or closed."""
    told = await connection.fetchval(
        SQL[row.tenant_id]["tell_alert"], row.tenant_id, row.alert_id, at, *figures.columns, row.notified_at
    )
    return told is not None


async def close_alert(
    connection: asyncpg.Connection, row: AlertRow, because: ClosedBecause, value: float | None, at: datetime
) -> bool | None:
    """Whether somebody is to be told; None when it was not closed: somebody else has, or newer facts saw it."""
    is_told: bool | None = await connection.fetchval(
        SQL[row.tenant_id]["close_alert"], row.tenant_id, row.alert_id, at, because, value
    )
    return is_told


async def acknowledge_alert(connection: asyncpg.Connection, tenant_id: int, alert_id: UUID, by: str) -> bool:
    """False when it is not open, or acknowledged already."""
    return await connection.fetchval(SQL[tenant_id]["acknowledge_alert"], tenant_id, alert_id, by) is not None


async def snooze_alert(connection: asyncpg.Connection, tenant_id: int, alert_id: UUID, until: datetime | None) -> bool:
    """False when it is not open. None: messages go on."""
    return await connection.fetchval(SQL[tenant_id]["snooze_alert"], tenant_id, alert_id, until) is not None


async def find_alert(connection: asyncpg.Connection, tenant_id: int, alert_id: UUID) -> AlertRow | None:
    row = await connection.fetchrow(SQL[tenant_id]["find_alert"], tenant_id, alert_id)
    return None if row is None else _read(row)


async def list_alerts(
    connection: asyncpg.Connection, tenant_id: int, states: Sequence[State], *, before: UUID = LAST_ID, limit: int
) -> list[AlertRow]:
    """Newest first."""
    rows = await connection.fetch(SQL[tenant_id]["list_alerts"], tenant_id, list(states), before, limit)
    return [_read(row) for row in rows]


async def list_open_alerts(connection: asyncpg.Connection, tenant_id: int) -> list[AlertRow]:
    """Newest first."""
    return [_read(row) for row in await connection.fetch(SQL[tenant_id]["list_open_alerts"], tenant_id)]


async def list_everybodys_open(connection: asyncpg.Connection) -> list[AlertRow]:
    """All tenants', without the platform's: platform work."""
    return [_read(row) for row in await connection.fetch(ROUNDS["list_everybodys_open"])]


async def list_choices(connection: asyncpg.Connection, tenant_id: int) -> list[ChoiceRow]:
    rows = await connection.fetch(SQL[tenant_id]["list_choices"], tenant_id)
    return [ChoiceRow(tenant_id, *row) for row in rows]


async def list_everybodys_choices(connection: asyncpg.Connection) -> list[ChoiceRow]:
    """All tenants', without the platform's: platform work."""
    return [ChoiceRow(*row) for row in await connection.fetch(ROUNDS["list_everybodys_choices"])]


async def put_choice(connection: asyncpg.Connection, choice: ChoiceRow) -> None:
    await connection.execute(SQL[choice.tenant_id]["put_choice"], *choice)


async def forget_alerts(connection: asyncpg.Connection, tenant_id: int, before: datetime) -> None:
    await connection.execute(SQL[tenant_id]["forget_alerts"], tenant_id, before)


async def list_with_old(connection: asyncpg.Connection, before: datetime) -> list[int]:
    """Tenants of whom something is past its time: platform work."""
    return [row[0] for row in await connection.fetch(ROUNDS["list_with_old"], before)]


async def count_lost_memories(connection: asyncpg.Connection) -> int:
    """Streams that may be incomplete since the queue lost its memory: platform work."""
    return int(await connection.fetchval(ROUNDS["count_lost_memories"]))


def _read(row: asyncpg.Record) -> AlertRow:
    return AlertRow(*row)._replace(details=orjson.loads(row["details"]))
