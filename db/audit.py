"""The audit log: who did what to what. Only ever added to, by grants and by trigger."""

from collections.abc import Mapping
from typing import NamedTuple

import asyncpg
import orjson

from db.queries import load_queries

SQL = load_queries("audit")


class AuditEntry(NamedTuple):
    """What is added. `details`: names of fields, counts, ids; never a person's data, never a secret."""

    audit_id: str
    actor_kind: str
    actor_id: str
    action: str
    object_kind: str
    object_id: str
    details: Mapping[str, object]
    request_id: str | None


async def insert_audit_entry(connection: asyncpg.Connection, tenant_id: int | None, entry: AuditEntry) -> None:
    """A tenant's, in its own transaction or the platform's; the platform's own, without a tenant, in the latter."""
    columns = (*entry[:6], orjson.dumps(dict(entry.details)).decode(), entry.request_id)
    if tenant_id is None:
        await connection.execute(SQL["insert_platform_audit_entry"], *columns)
    else:
        await connection.execute(SQL["insert_audit_entry"], tenant_id, *columns)
