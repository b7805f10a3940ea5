"""API keys: made, listed, rotated, revoked. A key's secret is shown once, when it is made."""

from collections.abc import Sequence, Set
from datetime import UTC, datetime, timedelta
from typing import Literal, cast

from app.core.api_keys import make_api_key
from app.core.directory import read_endpoint_token_key
from app.core.errors import ConflictError, FieldProblem, ForbiddenError, InvalidInputError, NotFoundError
from app.core.tokens import derive_api_checksum_key, hash_token
from app.services.audit import Actor, write_audit
from app.services.office import PLATFORM, Office, Place
from app.services.permissions import PERMISSIONS, ROLE_PERMISSIONS, Permission, Role, may_give
from db import api_keys as db_keys
from db.api_keys import ApiKeyRow
from schemas.access import IssuedKey, Key, NewKey, NewPlatformKey


async def create_key(office: Office, place: Place, wanted: NewKey, *, actor: Actor, held: Set[Permission]) -> IssuedKey:
    """A key of a place. `held`: what whoever asks may do there. Raises ForbiddenError for a key that may more,
    InvalidInputError, ConflictError when there are API_KEYS_MAX."""
    permissions = _check_permissions(wanted)
    if not may_give(find_allowed(wanted.role, permissions), held):
        raise ForbiddenError("Nobody can give more than they hold: choose another role, or fewer permissions.")
    return await issue_key(
        office, place, name=wanted.name, role=wanted.role, permissions=permissions,
        expires_at=_check_expiry(wanted.expires_at, office.settings.api_key_days_max), actor=actor,
    )  # fmt: skip


async def create_platform_key(office: Office, wanted: NewPlatformKey, *, actor: Actor) -> IssuedKey:
    """A key that may do everything. Raises InvalidInputError, ConflictError when there are API_KEYS_MAX."""
    expires_at = _check_expiry(wanted.expires_at, office.settings.api_key_days_max)
    return await issue_key(
        office, PLATFORM, name=wanted.name, role="platform_admin", expires_at=expires_at, actor=actor
    )


async def issue_key(
    office: Office,
    place: Place,
    *,
    name: str,
    role: Role,
    actor: Actor,
    permissions: list[str] | None = None,
    expires_at: datetime | None = None,
) -> IssuedKey:
    """Makes it, without asking whether the actor may. Raises ConflictError when there are API_KEYS_MAX."""
    made = make_api_key(_find_checksum_key(office))
    async with office.database.platform_tx("create_key") as connection:
        keys_max = office.settings.api_keys_max
        if await db_keys.count_live_api_keys(connection, *place) >= keys_max:
            raise ConflictError(f"There are {keys_max} live keys here: revoke one that is not used.")
        await db_keys.insert_api_key(
            connection, key_id=made.key_id, name=name, scope=place.scope, scope_id=place.scope_id, role=role,
            permissions=permissions, secret_hash=hash_token(made.text), created_by=f"{actor.kind}:{actor.id}",
            expires_at=expires_at,
        )  # fmt: skip
        await write_audit(connection, place.audited_tenant_id, actor, "key.created", "key", made.key_id, {"role": role})
        row = await db_keys.find_api_key(connection, made.key_id)
    assert row is not None, "the key was just inserted"
    return IssuedKey(**show_key(row).model_dump(), api_key=made.text)


async def list_keys(office: Office, place: Place) -> list[Key]:
    """Live ones of a place, then revoked and expired ones, each in the order made; at most API_ROWS_MAX."""
    # Whatever that is set to, no live key is hidden.
    limit = max(office.settings.api_rows_max, office.settings.api_keys_max)
    async with office.database.platform_tx("list_keys") as connection:
        return [show_key(row) for row in await db_keys.list_api_keys(connection, *place, limit)]


async def find_key_place(office: Office, key_id: str) -> Place:
    """Where a key holds, for those who may see all places. Raises NotFoundError."""
    async with office.database.platform_tx("find_key") as connection:
        row = await db_keys.find_api_key(connection, key_id)
    if row is None:
        raise NotFoundError("There is no such key.")
    return Place(row.scope, row.scope_id)


async def rotate_key(office: Office, place: Place, key_id: str, *, actor: Actor, held: Set[Permission]) -> IssuedKey:
    """Another secret; the one before stays valid until `retire_key_secret`, any older one ends now.

    Raises NotFoundError; ForbiddenError for a key that may more than the caller.
    """
    row = await _get_row(office, place, key_id)
    if not may_give(find_allowed(cast("Role", row.role), row.permissions), held):
        raise ForbiddenError("Whoever rotates a key holds it: this one may more than you.")
    made = make_api_key(_find_checksum_key(office), key_id)
    async with office.database.platform_tx("rotate_key") as connection:
        if not await db_keys.rotate_api_key(connection, key_id, *place, hash_token(made.text)):
            raise NotFoundError("There is no such live key here.")
        await write_audit(connection, place.audited_tenant_id, actor, "key.rotated", "key", key_id)
    return IssuedKey(**show_key(await _get_row(office, place, key_id)).model_dump(), api_key=made.text)


async def retire_key_secret(office: Office, place: Place, key_id: str, *, actor: Actor) -> Key:
    """Ends a rotation: only the newest secret is valid. Raises NotFoundError."""
    async with office.database.platform_tx("retire_key_secret") as connection:
        if not await db_keys.retire_api_key_secret(connection, key_id, *place):
            raise NotFoundError("There is no such live key here.")
        await write_audit(connection, place.audited_tenant_id, actor, "key.secret_retired", "key", key_id)
    return show_key(await _get_row(office, place, key_id))


async def revoke_key(office: Office, place: Place, key_id: str, *, actor: Actor) -> Key:
    """Ends a key for ever; no process takes it any more within API_ACCESS_CACHE_MS. Raises NotFoundError."""
    async with office.database.platform_tx("revoke_key") as connection:
        if not await db_keys.revoke_api_key(connection, key_id, *place):
            raise NotFoundError("There is no such key here.")
        await write_audit(connection, place.audited_tenant_id, actor, "key.revoked", "key", key_id)
    return show_key(await _get_row(office, place, key_id))


def show_key(row: ApiKeyRow) -> Key:
    """A key as it may be shown: without its hashes."""
    role = cast("Role", row.role)
    return Key(
        key_id=row.key_id, name=row.name, scope=row.scope, scope_id=row.scope_id, role=role,
        permissions=sorted(find_allowed(role, row.permissions)), status=find_status(row),
        secrets_valid=len(row.secret_hashes),
        created_by=row.created_by, created_at=row.created_at, rotated_at=row.rotated_at, expires_at=row.expires_at,
        revoked_at=row.revoked_at, last_used_at=row.last_used_at,
    )  # fmt: skip


def find_allowed(role: Role, permissions: Sequence[str] | None) -> frozenset[Permission]:
    """A role narrowed to some of its permissions; None: all of them."""
    allowed = ROLE_PERMISSIONS[role]
    return allowed if permissions is None else allowed & {cast("Permission", name) for name in permissions}


def find_status(row: ApiKeyRow) -> Literal["active", "expired", "revoked"]:
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expires_at is not None and row.expires_at <= datetime.now(UTC) else "active"


async def _get_row(office: Office, place: Place, key_id: str) -> ApiKeyRow:
    async with office.database.platform_tx("find_key") as connection:
        row = await db_keys.find_api_key(connection, key_id)
    if row is None or (row.scope, row.scope_id) != place:
        raise NotFoundError("There is no such key here.")
    return row


def _check_permissions(wanted: NewKey) -> list[str] | None:
    if wanted.permissions is None:
        return None
    unknown = [
        FieldProblem(f"/permissions/{index}", f"is none of {', '.join(sorted(PERMISSIONS))}")
        for index, name in enumerate(wanted.permissions)
        if name not in PERMISSIONS
    ]
    beyond = [
        FieldProblem(
            f"/permissions/{index}", f"does not belong to the role {wanted.role}: a key's permissions narrow it"
        )
        for index, name in enumerate(wanted.permissions)
        if name in PERMISSIONS and name not in ROLE_PERMISSIONS[wanted.role]
    ]
    if unknown or beyond:
        raise InvalidInputError(*unknown, *beyond)
    return sorted(set(wanted.permissions))


def _check_expiry(expires_at: datetime | None, days_max: int) -> datetime | None:
    if expires_at is None:
        return None
    if expires_at.tzinfo is None:
        raise InvalidInputError(FieldProblem("/expires_at", "has no time zone: end it with Z or an offset"))
    now = datetime.now(UTC)
    if not now < expires_at <= now + timedelta(days=days_max):
        raise InvalidInputError(
            FieldProblem("/expires_at", f"must lie ahead, by at most {days_max} days", "ahead", str(days_max))
        )
    return expires_at


def _find_checksum_key(office: Office) -> bytes:
    return derive_api_checksum_key(read_endpoint_token_key(office.settings.get_url("endpoint_token_key")))
