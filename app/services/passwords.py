"""Passwords: argon2id at OWASP's floor, in threads, two at a time: a flood of logins costs no loop and no memory."""

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.core.errors import FieldProblem, InvalidInputError

HASHES_AT_ONCE = 2
MADE_PASSWORD_BYTES = 18
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_TOO_COMMON = frozenset({"password", "contraseña", "senha", "acequia", "qwerty", "123456"})
_turn: asyncio.Semaphore | None = None


def make_password() -> str:
    """144 random bits, to be shown once."""
    return secrets.token_urlsafe(MADE_PASSWORD_BYTES)


def check_password(password: str, chars_min: int, pointer: str) -> None:
    """Raises InvalidInputError for one that is short or made of what everybody tries first."""
    if len(password) < chars_min:
        raise InvalidInputError(
            FieldProblem(pointer, f"has fewer than {chars_min} characters", "too_short", str(chars_min))
        )
    if len(set(password)) < 5 or any(word * 2 in password.lower() or password.lower() == word for word in _TOO_COMMON):
        raise InvalidInputError(FieldProblem(pointer, "is too easy to guess: use several words", "too_easy"))


async def hash_password(password: str) -> str:
    async with _get_turn():
        return await asyncio.to_thread(_HASHER.hash, password)


async def verify_password(password: str, password_hash: str | None) -> bool:
    """Whether it is the one. None: there is nobody; the work is done all the same, so that the time does not tell."""
    async with _get_turn():
        return await asyncio.to_thread(_verify, password, password_hash or _NOBODY) and password_hash is not None


def needs_rehash(password_hash: str) -> bool:
    """Whether it was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)


def _verify(password: str, password_hash: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def _get_turn() -> asyncio.Semaphore:
    global _turn  # noqa: PLW0603 - one per process, made inside its loop
    if _turn is None:
        _turn = asyncio.Semaphore(HASHES_AT_ONCE)
    return _turn


_NOBODY = _HASHER.hash(secrets.token_urlsafe(16))
