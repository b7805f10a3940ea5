"""Audit entries: written in the transaction of what they tell of, so that neither stands without the other."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

import asyncpg

from db.audit import AuditEntry, insert_audit_entry
from schemas.ids import make_uuid7

ActorKind = Literal["person", "key", "cli", "system"]


class Actor(NamedTuple):
    """Who acts. `id`: a person's or key's id, the command's or the job's name; never an address or a name."""

    kind: ActorKind
    id: str
    request_id: str | None = None


async def write_audit(  # noqa: PLR0917 - an entry is these words in this order
    connection: asyncpg.Connection,
    tenant_id: int | None,
    actor: Actor,
    action: str,
    object_kind: str,
    object_id: str,
    details: Mapping[str, object] = MappingProxyType({}),
) -> None:
    """Adds an entry. `action`: a stable word such as `tenant.suspended`. `tenant_id` None: it concerns no one tenant,
    which takes a platform transaction."""
    entry = AuditEntry(make_uuid7(), actor.kind, actor.id, action, object_kind, object_id, details, actor.request_id)
    await insert_audit_entry(connection, tenant_id, entry)
