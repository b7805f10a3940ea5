"""From a key or a session to who calls. What was found is trusted for API_ACCESS_CACHE_MS: a revoked key ends by then.

A text that is no key of ours is told by its checksum, without a look at the database.
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from hmac import compare_digest
from typing import cast

from app.core.api_keys import find_key_id
from app.core.directory import read_endpoint_token_key
from app.core.tokens import derive_api_checksum_key, hash_token
from app.services.office import Office
from app.services.permissions import Grant, Permission, Principal, Role
from app.services.sessions import find_session
from db import api_keys as db_keys
from db import people as db_people
from db.api_keys import ApiKeyRow

CACHED_MAX = 10_000


class Authenticator:
    """One per process. Raises what the database and Redis raise; None is nobody."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._checksum_key = derive_api_checksum_key(
            read_endpoint_token_key(office.settings.get_url("endpoint_token_key"))
        )
        self._cache: OrderedDict[bytes, tuple[float, Principal]] = OrderedDict()

    async def find_by_key(self, text: str) -> Principal | None:
        """Who holds this API key; None for one that is not ours, revoked or expired."""
        key_id = find_key_id(self._checksum_key, text)
        if key_id is None:
            return None
        digest = hash_token(text)
        return await self._find(digest, lambda: self._load_key(key_id, digest))

    async def find_by_session(self, session_id: str) -> Principal | None:
        """Whose session this is; None for one that has ended."""
        return await self._find(b"session" + hash_token(session_id), lambda: self._load_session(session_id))

    def forget(self, session_id: str) -> None:
        """This process asks again at the next call."""
        self._cache.pop(b"session" + hash_token(session_id), None)

    async def _find(self, digest: bytes, load: Callable[[], Awaitable[Principal | None]]) -> Principal | None:
        cached = self._cache.get(digest)
        if cached is not None and time.monotonic() < cached[0]:
            return cached[1]
        principal = await load()
        if principal is None:
            self._cache.pop(digest, None)
            return None
        self._cache[digest] = (time.monotonic() + self._office.settings.api_access_cache_ms / 1000, principal)
        self._cache.move_to_end(digest)
        while len(self._cache) > CACHED_MAX:
            self._cache.popitem(last=False)
        return principal

    async def _load_key(self, key_id: str, digest: bytes) -> Principal | None:
        async with self._office.database.platform_tx("authenticate") as connection:
            row = await db_keys.find_api_key(connection, key_id)
            if row is None or not _is_live(row, digest):
                return None
            await db_keys.note_api_key_used(connection, key_id)
        permissions = None
        if row.permissions is not None:
            permissions = frozenset(cast("Permission", name) for name in row.permissions)
        return Principal("key", key_id, (Grant(row.scope, row.scope_id, cast("Role", row.role), permissions),))

    async def _load_session(self, session_id: str) -> Principal | None:
        session = await find_session(self._office, session_id)
        if session is None:
            return None
        async with self._office.database.platform_tx("authenticate") as connection:
            person = await db_people.find_person(connection, session.person_id)
            if person is None or person.status != "active" or person.session_epoch != session.epoch:
                return None
            roles = await db_people.list_roles(connection, session.person_id)
        grants = [Grant(role.scope, role.scope_id, cast("Role", role.role)) for role in roles]
        if person.is_platform_admin:
            grants.append(Grant("platform", 0, "platform_admin"))
        return Principal("person", str(person.person_id), tuple(grants))


def _is_live(row: ApiKeyRow, digest: bytes) -> bool:
    # No early end: which of two secrets matched is not to be told by the time taken.
    matches = [compare_digest(digest, secret_hash) for secret_hash in row.secret_hashes]
    is_expired = row.expires_at is not None and row.expires_at <= datetime.now(UTC)
    return any(matches) and row.revoked_at is None and not is_expired
