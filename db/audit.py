"""The audit log: only ever added to. Who did what to what; no personal data and no secret."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

import asyncpg
import orjson

from db.queries import load_queries
from schemas.ids import make_uuid7

SQL = load_queries("audit")
LAST_ID = UUID(int=2**128 - 1)
FIRST_ID = UUID(int=0)
ROWS_SEEN_MAX = 10_000

ActorKind = Literal["person", "key", "cli", "system"]


class AuditRow(NamedTuple):
    audit_id: UUID
    at: datetime
    actor_kind: ActorKind
    actor_id: str
    action: str
    object_kind: str
    object_id: str
    details: Mapping[str, Any]
    request_id: str | None


async def insert_audit_entry(
    connection: asyncpg.Connection,
    tenant_id: int | None,
    *,
    actor_kind: ActorKind,
    actor_id: str,
    action: str,
    object_kind: str,
    object_id: str,
    details: Mapping[str, Any],
    request_id: str | None,
) -> None:
    """In a transaction of that tenant or of the platform; None for what concerns no tenant."""
    told = (actor_kind, actor_id, action, object_kind, object_id, orjson.dumps(details).decode(), request_id)
    audit_id = UUID(make_uuid7())
    if tenant_id is None:
        await connection.execute(SQL["insert_platform_audit_entry"], audit_id, *told)
    else:
        await connection.execute(SQL["insert_audit_entry"], tenant_id, audit_id, *told)


class AuditFilter(NamedTuple):
    """Each None: any. `action`: what its name begins with."""

    actor_id: str | None = None
    action: str | None = None
    object_id: str | None = None


class AuditPage(NamedTuple):
    """`stopped_at`: the last entry that was looked at, when there may be more behind it."""

    rows: list[AuditRow]
    stopped_at: UUID | None


async def page_audit_entries(  # noqa: PLR0917 - from where back to where
    connection: asyncpg.Connection, tenant_id: int | None, before: UUID, since: UUID, wanted: AuditFilter, limit: int
) -> AuditPage:
    """Newest first, older than `before` and not older than `since`. None: the platform's own."""
    arguments = (before, since, ROWS_SEEN_MAX, limit, *wanted)
    if tenant_id is None:
        rows = await connection.fetch(SQL["page_platform_audit_entries"], *arguments)
    else:
        rows = await connection.fetch(SQL["page_audit_entries"], tenant_id, *arguments)
    found = [AuditRow(*row[:-1])._replace(details=orjson.loads(row["details"])) for row in rows if not row["is_end"]]
    found.sort(key=lambda entry: entry.audit_id, reverse=True)
    return AuditPage(found, next((row["audit_id"] for row in rows if row["is_end"]), None))
