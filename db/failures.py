"""Whose fault a database error is: what was in the statement, or the surroundings (queue_protocol.md §2.4)."""

from typing import Literal

from asyncpg.exceptions import InterfaceError, InternalClientError, PostgresError

from app.core.errors import SealingError

Fault = Literal["content", "surroundings"]
_CONTENT_CLASSES = frozenset({"21", "22", "23"})


def classify(error: BaseException) -> Fault:
    """`content`: a row of the batch is bad, and halving finds it. `surroundings`: hold the tenant, spend no try.

    Content: SQLSTATE classes 21, 22 and 23; values that cannot be written at all (ValueError: asyncpg's DataError,
    pydantic's serialisation, lone surrogates); a held row that does not open. Everything else, known or not, is
    of the surroundings: a mistake of ours in the schema or the grants (42) must never bury an event.
    """
    if isinstance(error, PostgresError):
        return "content" if _sqlstate(error)[:2] in _CONTENT_CLASSES else "surroundings"
    if isinstance(error, ValueError | OverflowError | SealingError):
        return "content"
    return "surroundings"


def is_our_mistake(error: BaseException) -> bool:
    """Class 42: a grant, a policy or a statement is wrong. It passes only when somebody mends it: say so loudly."""
    return isinstance(error, PostgresError) and _sqlstate(error).startswith("42")


def _sqlstate(error: PostgresError) -> str:
    return getattr(error, "sqlstate", None) or ""


def is_server_away(error: BaseException) -> bool:
    """Whether the server itself cannot be used now: connection failures (08), resources (53), shutdown (57), or no
    answer at all. Deadlocks and rows that moved are of the surroundings too, but concern one batch."""
    if isinstance(error, PostgresError):
        return (getattr(error, "sqlstate", "") or "")[:2] in ("08", "53", "57")
    return isinstance(error, InterfaceError | InternalClientError | OSError | TimeoutError)
