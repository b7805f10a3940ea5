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


async def list_audit_entries(
    connection: asyncpg.Connection, tenant_id: int | None, *, before: UUID = LAST_ID, limit: int
) -> list[AuditRow]:
    """Newest first. `before`: only those older than this one. None: the platform's own."""
    if tenant_id is None:
        rows = await connection.fetch(SQL["list_platform_audit_entries"], before, limit)
    else:
        rows = await connection.fetch(SQL["list_audit_entries"], tenant_id, before, limit)
    return [AuditRow(*row)._replace(details=orjson.loads(row["details"])) for row in rows]
