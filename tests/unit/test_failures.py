"""Whose fault a database error is."""

import asyncpg
import pytest
from asyncpg.exceptions import InterfaceError, InternalClientError, PostgresError

from app.core.errors import KeyDestroyedError, KeystoreUnavailableError, SealingError
from db.failures import classify, is_our_mistake


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.NotNullViolationError("x"), asyncpg.CheckViolationError("x"), asyncpg.CardinalityViolationError("x"),
        asyncpg.CharacterNotInRepertoireError("x"), asyncpg.NumericValueOutOfRangeError("x"),
        asyncpg.DataError("x"), UnicodeEncodeError("utf-8", "\ud800", 0, 1, "x"), SealingError(), KeyDestroyedError(),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_what_is_in_a_row_is_the_contents_fault(error: Exception) -> None:
    assert classify(error) == "content"


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.ConnectionDoesNotExistError("x"), asyncpg.DeadlockDetectedError("x"), asyncpg.DiskFullError("x"),
        asyncpg.QueryCanceledError("x"), asyncpg.AdminShutdownError("x"), asyncpg.InsufficientPrivilegeError("x"),
        asyncpg.UndefinedTableError("x"), InterfaceError("x"), InternalClientError("x"),
        PostgresError("x"), ConnectionRefusedError(), TimeoutError(), KeystoreUnavailableError(), RuntimeError(),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_everything_else_is_of_the_surroundings_and_buries_nothing(error: Exception) -> None:
    assert classify(error) == "surroundings"


def test_a_wrong_grant_or_statement_is_ours() -> None:
    assert is_our_mistake(asyncpg.InsufficientPrivilegeError("x"))
    assert not is_our_mistake(asyncpg.DeadlockDetectedError("x"))
    assert not is_our_mistake(ConnectionRefusedError())
