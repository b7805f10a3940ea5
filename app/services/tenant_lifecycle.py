"""A tenant's life: suspended, active again, expired, deleted in two steps. Each change is audited and published.

A change is committed first, with its audit entry; then the receivers are told, and the provider. What is lost between
is mended: the worker compares the published directory with Postgres, and `keep_hooks` tells the provider again. What
was accepted before a suspension is still applied: accepted means accounted for. What comes after is answered 200 and
counted as ignored. What changes at a provider that does not call any more is not even that: the gap from which the
reactivated tenant is repaired is marked when it stops being served, and again when it is served anew.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

import asyncpg
from redis.asyncio import Redis

from app.connectors.registry import list_connectors
from app.core.errors import AcequiaError
from app.core.logging import get_logger
from app.core.settings import Settings
from app.services.audit import Actor, write_audit
from app.services.deletion_code import DeletionCode, check_deletion_code, make_deletion_code
from app.services.directory import publish_directory
from app.services.hook_watchdog import compute_wait_s
from app.services.hooks_protocol import Hooks
from db.gaps import GapMark, set_gaps
from db.hook_watches import Place, note_not_set
from db.integrations import list_integrations
from db.lifecycle import (
    Lifecycle,
    TenantStatus,
    change_status,
    extend_trial,
    find_lifecycle,
    list_ended_trials,
    list_hooks_to_register,
    list_hooks_to_remove,
)
from db.pool import Database

SYSTEM = Actor("system", "lifecycle")
NOT_SERVED = "tenant_not_served"  # why a gap was marked
_ALIVE: tuple[TenantStatus, ...] = ("active", "suspended", "expired")

log = get_logger()


class TenantNotFoundError(AcequiaError):
    """There is no such tenant, or it is erased."""

    code = "tenant_not_found"
    http_status = 404


class TenantStateError(AcequiaError):
    """The tenant's status does not allow this, or somebody else has just changed it."""

    code = "tenant_state"
    http_status = 409


class TenantOffice(NamedTuple):
    """What it takes to change a tenant's status. `hooks` None: nobody can tell providers yet."""

    database: Database
    redis: Redis
    settings: Settings
    hooks: Hooks | None = None


async def get_lifecycle(database: Database, tenant_id: int) -> Lifecycle:
    """Where it stands. Raises TenantNotFoundError, also for one that is erased."""
    async with database.platform_tx("lifecycle") as connection:
        return await _get(connection, tenant_id)


async def suspend_tenant(office: TenantOffice, tenant_id: int, reason: str, actor: Actor) -> None:
    """Serves it no more. `reason` is shown to its people and kept out of the audit, which holds no free text. Raises
    TenantNotFoundError, TenantStateError."""
    await _change(office, tenant_id, "suspended", actor, "tenant.suspended", seen_in=("active",), reason=reason)


async def activate_tenant(
    office: TenantOffice, tenant_id: int, actor: Actor, *, trial_ends_at: datetime | None = None
) -> None:
    """Serves it again. `trial_ends_at`: for a trial, until when; needed when its time is over, because it would expire
    again at once. Raises TenantNotFoundError, TenantStateError."""
    async with office.database.platform_tx("activate_tenant") as connection:
        found = await _get(connection, tenant_id)
        ends_at = trial_ends_at or found.trial_ends_at
        if found.type == "trial" and ends_at is not None and ends_at <= datetime.now(UTC):
            raise TenantStateError("This trial's time is over: say until when, or give the tenant another type.")
        if trial_ends_at is not None and not await extend_trial(connection, tenant_id, trial_ends_at):
            raise TenantStateError("This tenant is no trial.")
        await _write(connection, found, "active", actor, "tenant.activated", seen_in=("suspended", "expired"))
    await _tell(office, [tenant_id])


async def request_deletion(office: TenantOffice, tenant_id: int, actor: Actor) -> DeletionCode:
    """The first step: changes nothing and answers the code for the second. Raises TenantNotFoundError,
    TenantStateError."""
    async with office.database.platform_tx("request_deletion") as connection:
        found = await _get(connection, tenant_id)
        if found.status not in _ALIVE:
            raise TenantStateError(f"This tenant is {found.status}.")
        await write_audit(connection, tenant_id, actor, "tenant.deletion_requested", "tenant", str(tenant_id))
    return make_deletion_code(office.settings, tenant_id, found.revision, datetime.now(UTC))


async def confirm_deletion(office: TenantOffice, tenant_id: int, code: str, actor: Actor) -> datetime:
    """The second step: serves it no more and erases it after TENANT_DELETION_GRACE_DAYS; when. Raises
    DeletionCodeError, TenantNotFoundError, TenantStateError."""
    now = datetime.now(UTC)
    delete_after = now + timedelta(days=office.settings.tenant_deletion_grace_days)
    async with office.database.platform_tx("confirm_deletion") as connection:
        found = await _get(connection, tenant_id)
        check_deletion_code(office.settings, tenant_id, found.revision, code, now)
        await _write(
            connection, found, "deleting", actor, "tenant.deletion_confirmed", seen_in=_ALIVE, delete_after=delete_after
        )
    await _tell(office, [tenant_id])
    return delete_after


async def cancel_deletion(office: TenantOffice, tenant_id: int, actor: Actor) -> None:
    """Until the erasure begins. The tenant is suspended then, whatever it was before: activating it is a decision of
    its own, with its hooks and its repair. Raises TenantNotFoundError, TenantStateError."""
    await _change(office, tenant_id, "suspended", actor, "tenant.deletion_cancelled", seen_in=("deleting",))


async def expire_trials(office: TenantOffice) -> int:
    """Ends every active trial whose time is over; how many. One that fails is tried again at the next turn."""
    done = []
    for tenant_id in await list_ended_trials(office.database):
        try:
            if await _expire_trial(office, tenant_id):
                done.append(tenant_id)
        except Exception as error:
            log.exception("tenant.expiry_failed", tenant_id=tenant_id, error=type(error).__name__)
    if done:
        await _tell(office, done)
    return len(done)


async def _expire_trial(office: TenantOffice, tenant_id: int) -> bool:
    """False when its status is another by now."""
    async with office.database.platform_tx("expire_trial") as connection:
        found = await find_lifecycle(connection, tenant_id)
        if found is None or found.status != "active":
            return False
        await _write(connection, found, "expired", SYSTEM, "tenant.expired", seen_in=("active",), reason="trial_ended")
    return True


async def keep_hooks(database: Database, hooks: Hooks, settings: Settings) -> int:
    """Tells providers what they were not told: served tenants' hooks are registered, all others' removed; how many
    tenants. A removal that fails is tried at the next turn, a registration ever later: each costs the provider calls,
    and one that stays away, or takes a hook and shows none, is asked for as long as the tenant is served."""
    done = [await _try(hooks.remove_hooks, tenant_id) for tenant_id in await list_hooks_to_remove(database)]
    for tenant_id, removed in groupby(await list_hooks_to_register(database), attrgetter("tenant_id")):
        done.append(await _try(hooks.register_hooks, tenant_id))
        async with database.tenant_tx(tenant_id, "keep_hooks") as connection:
            for hook in removed:
                wait_s = compute_wait_s(hook.failures, settings.hook_check_interval_s)
                place = Place(tenant_id, hook.integration_id)
                await note_not_set(connection, place, hook.failures + 1, wait_s)
    return sum(done)


async def _change(
    office: TenantOffice,
    tenant_id: int,
    status: TenantStatus,
    actor: Actor,
    action: str,
    *,
    seen_in: Sequence[TenantStatus],
    reason: str | None = None,
) -> None:
    async with office.database.platform_tx(action) as connection:
        found = await _get(connection, tenant_id)
        await _write(connection, found, status, actor, action, seen_in=seen_in, reason=reason)
    await _tell(office, [tenant_id])


async def _get(connection: asyncpg.Connection, tenant_id: int) -> Lifecycle:
    found = await find_lifecycle(connection, tenant_id)
    if found is None or found.status == "deleted":
        raise TenantNotFoundError(f"There is no tenant {tenant_id}.")
    return found


async def _write(
    connection: asyncpg.Connection,
    found: Lifecycle,
    status: TenantStatus,
    actor: Actor,
    action: str,
    *,
    seen_in: Sequence[TenantStatus],
    reason: str | None = None,
    delete_after: datetime | None = None,
) -> None:
    revision = await change_status(
        connection, found.tenant_id, status, seen_in=seen_in, revision=found.revision, reason=reason,
        delete_after=delete_after,
    )  # fmt: skip
    if revision is None:
        raise TenantStateError(f"A tenant that is {found.status} cannot become {status}, or it has just changed.")
    details: dict[str, object] = {"from": found.status, "to": status, "revision": revision}
    if delete_after is not None:
        details["delete_after"] = delete_after.isoformat()
    await write_audit(connection, found.tenant_id, actor, action, "tenant", str(found.tenant_id), details)
    if found.status == "active":
        await _mark_gaps(connection, found.tenant_id, datetime.now(UTC))
    elif status == "active":
        # Anew: a repair that was under way when it stopped being served may have closed the mark of then.
        await _mark_gaps(connection, found.tenant_id, found.status_changed_at)


async def _mark_gaps(connection: asyncpg.Connection, tenant_id: int, since: datetime) -> None:
    """Whatever is fetched from a provider may be incomplete since then; what is only sent to us nobody can look for.
    Reports need no mark: they are read on from the day that was read last."""
    connectors = list_connectors()
    marks = [
        GapMark(row.integration_id, stream, since, NOT_SERVED)
        for row in await list_integrations(connection, tenant_id)
        if row.status != "deleted" and row.connector in connectors and connectors[row.connector].credentials
        for stream in connectors[row.connector].mappers
    ]
    await set_gaps(connection, tenant_id, marks)


async def _tell(office: TenantOffice, tenant_ids: Sequence[int]) -> None:
    """Receivers first: they stop taking calls within a second. A provider that fails stops nothing."""
    await publish_directory(office.database, office.redis, office.settings)
    if office.hooks is None:
        return
    for tenant_id in tenant_ids:
        async with office.database.platform_tx("tell_hooks") as connection:
            found = await find_lifecycle(connection, tenant_id)
        if found is not None:
            is_served = found.status == "active"
            await _try(office.hooks.register_hooks if is_served else office.hooks.remove_hooks, tenant_id)


async def _try(tell: Callable[[int], Awaitable[None]], tenant_id: int) -> bool:
    try:
        await tell(tenant_id)
    except Exception as error:
        log.warning("hooks.not_told", tenant_id=tenant_id, error=type(error).__name__,
                    todo="the worker tries again within a minute, then ever later")  # fmt: skip
        return False
    return True
