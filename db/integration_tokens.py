"""Tokens that a provider changes at every refresh: sealed, with a lease for whoever refreshes them.

The lease is two columns of the row, taken and given back in short transactions: no transaction waits for a provider.
Whoever comes after the lease's end takes it over, and from then on the one before commits nothing.
"""

from typing import NamedTuple
from uuid import UUID

import asyncpg

from db.queries import load_queries

SQL = load_queries("integration_tokens")


class TokenPlace(NamedTuple):
    """Whose tokens."""

    tenant_id: int
    integration_id: int


class HeldTokens(NamedTuple):
    """`sealed`: None before the first refresh. `refused_origin`: the authorisation that is dead."""

    sealed: bytes | None
    refused_origin: str | None


async def find_tokens(connection: asyncpg.Connection, place: TokenPlace) -> HeldTokens:
    """What is committed."""
    row = await connection.fetchrow(SQL["find_tokens"], *place)
    return HeldTokens(None, None) if row is None else HeldTokens(*row)


async def take_lease(
    connection: asyncpg.Connection, place: TokenPlace, holder: UUID, lease_s: float, origin: str
) -> bool:
    """False while somebody else has it, and for an authorisation that is known to be dead."""
    return await connection.fetchval(SQL["take_lease"], *place, holder, lease_s, origin) is not None


async def commit_tokens(
    connection: asyncpg.Connection, place: TokenPlace, holder: UUID, sealed: bytes, key_version: int
) -> bool:
    """Ends the lease. False for whoever does not hold it any more."""
    return await connection.fetchval(SQL["commit_tokens"], *place, holder, sealed, key_version) is not None


async def release_lease(
    connection: asyncpg.Connection, place: TokenPlace, holder: UUID, refused_origin: str | None
) -> None:
    """Does nothing for whoever does not hold it. `refused_origin`: the authorisation that turned out to be dead."""
    await connection.execute(SQL["release_lease"], *place, holder, refused_origin)


async def forgive_refusal(connection: asyncpg.Connection, place: TokenPlace) -> None:
    """What was called dead is tried again."""
    await connection.execute(SQL["forgive_refusal"], *place)


async def forget_tokens(connection: asyncpg.Connection, place: TokenPlace) -> None:
    """Of an integration that is deleted."""
    await connection.execute(SQL["forget_tokens"], *place)


async def put_tokens(connection: asyncpg.Connection, place: TokenPlace, sealed: bytes, key_version: int) -> None:
    """Tokens of an authorisation that was entered, in the transaction that makes it the integration's."""
    await connection.execute(SQL["put_tokens"], *place, sealed, key_version)
