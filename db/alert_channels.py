"""Who is told of alerts, and how that goes; of a tenant, or with tenant id 0 of the platform."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

import asyncpg

from db.alert_scope import ScopedQueries
from db.alerts import Severity
from db.queries import load_queries

SQL = ScopedQueries("alert_channels")
ROUNDS = load_queries("alert_rounds")

ChannelKind = Literal["email", "slack", "webhook", "apprise"]


class ChannelRow(NamedTuple):
    """`sealed`: where it goes. `rules`: only these; None: all. `failures`: sends in a row that failed."""

    tenant_id: int
    channel_id: UUID
    kind: ChannelKind
    name: str
    sealed: bytes
    min_severity: Severity
    rules: Sequence[str] | None
    is_enabled: bool
    created_at: datetime
    last_ok_at: datetime | None
    last_failure_at: datetime | None
    last_failure: str | None
    failures: int


class Listener(NamedTuple):
    """Who wants to be told of what."""

    tenant_id: int
    channel_id: UUID
    min_severity: Severity
    rules: Sequence[str] | None

    def wants(self, rule: str, severity: Severity) -> bool:
        is_bad_enough = severity == "critical" or self.min_severity == "warning"
        return is_bad_enough and (self.rules is None or rule in self.rules)


class ChannelName(NamedTuple):
    channel_id: UUID
    kind: ChannelKind
    name: str


async def insert_channel(connection: asyncpg.Connection, row: ChannelRow) -> None:
    await connection.execute(
        SQL[row.tenant_id]["insert_channel"], row.tenant_id, row.channel_id, row.kind, row.name, row.sealed,
        row.min_severity, row.rules, row.is_enabled,
    )  # fmt: skip


async def lock_channels(connection: asyncpg.Connection, tenant_id: int) -> None:
    """Others who would make one wait until the transaction ends."""
    await connection.execute(SQL[tenant_id]["lock_channels"], tenant_id)


async def list_channels(connection: asyncpg.Connection, tenant_id: int) -> list[ChannelRow]:
    return [ChannelRow(*row) for row in await connection.fetch(SQL[tenant_id]["list_channels"], tenant_id)]


async def find_channel(connection: asyncpg.Connection, tenant_id: int, channel_id: UUID) -> ChannelRow | None:
    row = await connection.fetchrow(SQL[tenant_id]["find_channel"], tenant_id, channel_id)
    return None if row is None else ChannelRow(*row)


async def list_channel_names(
    connection: asyncpg.Connection, tenant_id: int, channel_ids: Sequence[UUID]
) -> list[ChannelName]:
    """Deleted ones too."""
    rows = await connection.fetch(SQL[tenant_id]["list_channel_names"], tenant_id, list(channel_ids))
    return [ChannelName(*row) for row in rows]


async def change_channel(connection: asyncpg.Connection, row: ChannelRow) -> bool:
    """False when it is not there any more."""
    changed = await connection.fetchval(
        SQL[row.tenant_id]["change_channel"], row.tenant_id, row.channel_id, row.name, row.sealed, row.min_severity,
        row.rules, row.is_enabled,
    )  # fmt: skip
    return changed is not None


async def delete_channel(connection: asyncpg.Connection, tenant_id: int, channel_id: UUID) -> bool:
    """False when it is not there any more."""
    return await connection.fetchval(SQL[tenant_id]["delete_channel"], tenant_id, channel_id) is not None


async def note_channel(
    connection: asyncpg.Connection, tenant_id: int, channel_id: UUID, failure: str | None, at: datetime
) -> None:
    """What became of a send. `failure`: a sentence without a secret; None: it was taken."""
    if failure is None:
        await connection.execute(SQL[tenant_id]["note_channel_ok"], tenant_id, channel_id, at)
    else:
        await connection.execute(SQL[tenant_id]["note_channel_failure"], tenant_id, channel_id, at, failure)


async def list_everybodys_channels(connection: asyncpg.Connection) -> list[Listener]:
    """Enabled ones, the platform's among them: platform work."""
    return [Listener(*row) for row in await connection.fetch(ROUNDS["list_everybodys_channels"])]


async def forget_channels(connection: asyncpg.Connection, tenant_id: int, before: datetime) -> None:
    """Those that were deleted before."""
    await connection.execute(SQL[tenant_id]["forget_channels"], tenant_id, before)
