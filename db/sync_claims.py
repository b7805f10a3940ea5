"""Who works on which stream of a run: claims under a lease, and progress that only the holder of the lease may save."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg
import orjson

from db.pool import Database
from db.queries import load_queries
from db.sync_runs import SyncKind, SyncStatus, SyncTrigger
from schemas.ids import make_uuid7
from schemas.records import StreamName

SQL = load_queries("sync_claims")


class SyncClaim(NamedTuple):
    """A stream that this process works on until its lease ends. `is_abandoned`: whoever had it before did not give it
    back. `server_now`: the database's time of the claim."""

    tenant_id: int
    run_id: str
    stream: StreamName
    integration_id: int
    holder: str
    kind: SyncKind
    trigger: SyncTrigger
    since: datetime | None
    until: datetime | None
    requested_at: datetime
    is_abandoned: bool
    checkpoint: Mapping[str, Any]
    failures: int
    is_cancelled: bool
    server_now: datetime

    @property
    def place(self) -> tuple[int, str, StreamName, str]:
        """What every statement of the lease's holder begins with."""
        return self.tenant_id, self.run_id, self.stream, self.holder


class Renewal(NamedTuple):
    is_cancelled: bool
    is_paused: bool


class Progress(NamedTuple):
    """What is added to a stream's figures. `expected` replaces what was expected before."""

    expected: int | None
    listed: int = 0
    fetched: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    kept_out: int = 0
    dead: int = 0
    read_bytes: int = 0
    provider_calls: int = 0
    errors: int = 0
    error_code: str | None = None
    error_example: str | None = None


class LeaseLostError(Exception):
    """Somebody else works on this stream now, or it has ended: nothing of the transaction may stay."""


async def claim_stream(database: Database, lease_ms: int, per_tenant_max: int) -> SyncClaim | None:
    """The stream whose turn it is, of any tenant. None when there is none, or two processes reached for one."""
    try:
        async with database.platform_tx("claim_sync") as connection:
            row = await connection.fetchrow(SQL["claim_stream"], make_uuid7(), lease_ms, per_tenant_max)
    except asyncpg.UniqueViolationError:
        return None
    if row is None:
        return None
    tenant_id, run_id, stream, integration_id, holder, *rest = row
    claim = SyncClaim(tenant_id, str(run_id), stream, integration_id, str(holder), *rest)
    return claim._replace(checkpoint=orjson.loads(row["checkpoint"]))


async def renew_lease(database: Database, claim: SyncClaim, lease_ms: int) -> Renewal | None:
    """Whether the run was cancelled or paused meanwhile; None when the lease is lost."""
    async with database.tenant_tx(claim.tenant_id, "renew_sync") as connection:
        row = await connection.fetchrow(SQL["renew_lease"], *claim.place, lease_ms)
    return None if row is None else Renewal(*row)


async def lock_checkpoint(connection: asyncpg.Connection, claim: SyncClaim) -> dict[str, Any]:
    """What was committed last, whether or not the holder of the lease has heard of it. Raises LeaseLostError."""
    found: dict[str, Any] = orjson.loads(await _change(connection, "lock_checkpoint", claim))
    return found


class Release(NamedTuple):
    """How a step left its stream. `failures`: steps in a row that failed; `reason`: what it waits for."""

    wait_ms: int
    failures: int
    reason: str | None
    worked_ms: int
    checkpoint: Mapping[str, Any] | None = None


async def release_stream(connection: asyncpg.Connection, claim: SyncClaim, release: Release) -> None:
    """Gives the stream back for another step. Raises LeaseLostError."""
    *figures, checkpoint = release
    await _change(connection, "release_stream", claim, *figures, checkpoint and orjson.dumps(checkpoint).decode())


async def save_progress(
    connection: asyncpg.Connection, claim: SyncClaim, checkpoint: Mapping[str, Any], progress: Progress
) -> int:
    """In the transaction of the rows that were read; how many documents of the stream are dead by now. Raises
    LeaseLostError: the transaction must not be committed then."""
    dead: int = await _change(connection, "save_progress", claim, orjson.dumps(checkpoint).decode(), *progress)
    return dead


async def end_stream(
    connection: asyncpg.Connection, claim: SyncClaim, status: SyncStatus, reason: str | None, worked_ms: int
) -> None:
    """The stream has come to its end; until the transaction ends no other of its run does. Raises LeaseLostError."""
    await connection.execute(SQL["lock_run"], claim.tenant_id, claim.run_id)
    await _change(connection, "end_stream", claim, status, reason, worked_ms)


async def count_errors(connection: asyncpg.Connection, claim: SyncClaim) -> tuple[int, int]:
    """Errors and dead documents of the stream so far."""
    row = await connection.fetchrow(SQL["count_errors"], *claim.place[:3])
    return row["errors"], row["dead"]


async def _change(connection: asyncpg.Connection, name: str, claim: SyncClaim, *arguments: object) -> Any:
    answer = await connection.fetchval(SQL[name], *claim.place, *arguments)
    if answer is None:
        raise LeaseLostError(f"{claim.stream} of run {claim.run_id}")
    return answer
