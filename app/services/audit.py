"""Writing and reading the audit log."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

import asyncpg

from app.services.paging import read_cursor, write_cursor
from app.services.sealed_rows import to_utc
from db.audit import FIRST_ID, LAST_ID, ActorKind, AuditFilter, insert_audit_entry, page_audit_entries
from db.pool import Database
from schemas.access import AuditEntry, AuditQuery
from schemas.api import Page
from schemas.ids import find_first_id

_ANYTHING = AuditQuery()
NO_DETAILS: Mapping[str, object] = MappingProxyType({})


class Actor(NamedTuple):
    """Who does something: a person's or key's id, `cli` with the system's user, or `system` with a job's name."""

    kind: ActorKind
    id: str
    request_id: str | None = None

    @property
    def requester(self) -> str:
        """As a sync run names who asked for it."""
        return f"{self.kind}:{self.id}"


class _Place(NamedTuple):
    before: UUID


async def write_audit(  # noqa: PLR0917 - who, what, to what: in the order of a sentence
    connection: asyncpg.Connection,
    tenant_id: int | None,
    actor: Actor,
    action: str,
    object_kind: str,
    object_id: str,
    details: Mapping[str, object] = NO_DETAILS,
) -> None:
    """In the transaction of what is told, so that neither is without the other. `details` holds names of fields,
    counts and ids; never a value that somebody typed, personal data or a secret. None: it concerns no tenant."""
    await insert_audit_entry(
        connection,
        tenant_id,
        actor_kind=actor.kind,
        actor_id=actor.id,
        action=action,
        object_kind=object_kind,
        object_id=object_id,
        details=dict(details),
        request_id=actor.request_id,
    )


async def list_audit(
    database: Database, tenant_id: int | None, *, limit: int, cursor: str | None = None, wanted: AuditQuery = _ANYTHING
) -> Page[AuditEntry]:
    """Newest first; None: what concerns no tenant. A page may be short, even empty, while there is more: `next_cursor`
    says so. Raises InvalidInputError for a cursor that is none."""
    before = UUID(find_first_id(to_utc(wanted.until))) if wanted.until else LAST_ID
    if cursor:
        before = min(before, read_cursor(cursor, _Place).before)
    since = UUID(find_first_id(to_utc(wanted.since))) if wanted.since else FIRST_ID
    chosen = AuditFilter(wanted.actor_id, wanted.action, wanted.object_id)
    transaction = (
        database.platform_tx("read_audit") if tenant_id is None else database.tenant_tx(tenant_id, "read_audit")
    )
    async with transaction as connection:
        page = await page_audit_entries(connection, tenant_id, before, since, chosen, limit + 1)
    rows = page.rows[:limit]
    last = rows[-1].audit_id if len(page.rows) > limit else page.stopped_at
    entries = [AuditEntry.model_validate(row._asdict()) for row in rows]
    return Page(data=entries, next_cursor=None if last is None else write_cursor(_Place(last)))
