"""People's sessions: an opaque id in a cookie; what it stands for lies in the cache Redis under the id's hash.

A session ends after SESSION_IDLE_S without a call, after SESSION_MAX_S in any case, at logout, and when its person's
epoch moves on (password or status changed). Roles are read anew within API_ACCESS_CACHE_MS: what one tenant changes of
them ends no work of the person elsewhere. A cache that was lost ends all: people log in again.
"""

import secrets
import time
from typing import NamedTuple
from uuid import UUID

import orjson

from app.core.errors import FieldProblem, InvalidInputError, RateLimitedError, UnauthenticatedError
from app.core.identity import normalise_email
from app.core.logging import get_logger
from app.core.rates import Bucket
from app.core.tokens import hash_token
from app.services.audit import Actor, write_audit
from app.services.office import Office
from app.services.passwords import check_password, hash_password, needs_rehash, verify_password
from app.services.people import EMAIL_KIND
from db import people as db_people
from db.people import PersonRow

SESSION_ID_BYTES = 32
PEOPLE_PER_ADDRESS = 5  # how many people's tries one network address may make
ADDRESSES_PER_PERSON = 20  # how many addresses' tries may be made at one person

log = get_logger()


class Session(NamedTuple):
    person_id: UUID
    epoch: int
    began_at_s: float


class OpenedSession(NamedTuple):
    """`session_id` goes into the cookie and nowhere else."""

    session_id: str
    person: PersonRow


async def log_in(office: Office, email: str, password: str, *, address: str, request_id: str | None) -> OpenedSession:
    """Raises UnauthenticatedError, the same for every reason, and RateLimitedError.

    `address`: the caller's network address. Guesses are limited by it and by the person's address.
    """
    keys = await office.get_platform_keys()
    email_index = keys.blind_index(EMAIL_KIND, normalise_email(email) or "")
    await limit_tries(office, email_index.hex(), address)
    async with office.database.platform_tx("log_in") as connection:
        person = await db_people.find_person_by_email(connection, email_index)
    is_right = await verify_password(password, person.password_hash if person else None)
    if person is None or not is_right or person.status != "active":
        log.warning("session.refused", request_id=request_id, is_known=person is not None)
        raise UnauthenticatedError("This address and this password do not go together.")
    fresh_hash = await hash_password(password) if needs_rehash(person.password_hash) else None
    async with office.database.platform_tx("log_in") as connection:
        if fresh_hash is not None:
            await db_people.rehash_password(connection, person.person_id, person.password_hash, fresh_hash)
        actor = Actor("person", str(person.person_id), request_id)
        await write_audit(connection, None, actor, "session.began", "person", actor.id)
    return await open_session(office, person)


async def open_session(office: Office, person: PersonRow) -> OpenedSession:
    """For whoever has just shown who they are."""
    session_id = secrets.token_urlsafe(SESSION_ID_BYTES)
    content = orjson.dumps(
        {"person_id": str(person.person_id), "epoch": person.session_epoch, "began_at_s": time.time()}
    )
    await office.cache.set(_key(session_id), content, ex=office.settings.session_idle_s)
    return OpenedSession(session_id, person)


async def log_out(office: Office, session_id: str) -> None:
    """Ends it; fine when it has ended."""
    await office.cache.delete(_key(session_id))


async def find_session(office: Office, session_id: str) -> Session | None:
    """A session that has not ended by time; whether its person's epoch is still this one is for the caller to see."""
    settings = office.settings
    content = await office.cache.getex(_key(session_id), ex=settings.session_idle_s)
    if content is None:
        return None
    fields = orjson.loads(content)
    session = Session(UUID(fields["person_id"]), fields["epoch"], fields["began_at_s"])
    return session if time.time() - session.began_at_s < settings.session_max_s else None


async def change_password(
    office: Office, person_id: UUID, current: str, new: str, *, address: str, request_id: str | None
) -> None:
    """Ends all of the person's sessions. Raises UnauthenticatedError, InvalidInputError, RateLimitedError."""
    check_password(new, office.settings.password_chars_min, "/new_password")
    if new == current:
        raise InvalidInputError(FieldProblem("/new_password", "is the one that you have", "same_password"))
    await limit_tries(office, str(person_id), address)
    async with office.database.platform_tx("change_password") as connection:
        person = await db_people.find_person(connection, person_id)
    if person is None or not await verify_password(current, person.password_hash):
        raise UnauthenticatedError("The current password is another one.")
    password_hash = await hash_password(new)
    async with office.database.platform_tx("change_password") as connection:
        await db_people.set_password(connection, person_id, password_hash)
        actor = Actor("person", str(person_id), request_id)
        await write_audit(connection, None, actor, "person.password_changed", "person", actor.id)


async def limit_tries(office: Office, who: str, address: str) -> None:
    """Guesses are few: of one address at one person, of one address at everybody, and of everybody at one person. The
    last is loose: tight, anybody could keep a person out by guessing. Raises RateLimitedError."""
    per_s = office.settings.login_tries_per_minute / 60
    buckets = [
        Bucket(f"login:{who}:{address}", per_s, 60),
        Bucket(f"login-from:{address}", per_s * PEOPLE_PER_ADDRESS, 60),
        Bucket(f"login:{who}", per_s * ADDRESSES_PER_PERSON, 60),
    ]
    decision = await office.limiter.check(buckets, is_closed_without_redis=True)
    if decision.refused_by is not None:
        raise RateLimitedError("Too many tries to log in: wait, then try again.", decision.wait_s)


def _key(session_id: str) -> str:
    return f"session:{hash_token(session_id).hex()}"
