"""A syncer played by hand: what one writes while it works, in the order in which it does."""

from db.pool import Database
from db.sync_claims import (
    Progress,
    Release,
    SyncClaim,
    claim_stream,
    end_stream,
    release_stream,
    save_progress,
)
from db.sync_runs import SyncStatus, end_run

LEASE_MS = 60_000


class HandSyncer:
    """`database`: as the syncer."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def claim(self) -> SyncClaim:
        """The stream whose turn it is; there must be one."""
        claim = await claim_stream(self.database, LEASE_MS, per_tenant_max=10)
        assert claim is not None, "nothing waits"
        return claim

    async def save(self, claim: SyncClaim, expected: int | None, **figures: object) -> None:
        """Within a step."""
        async with self.database.tenant_tx(claim.tenant_id, "test") as connection:
            await save_progress(connection, claim, {}, Progress(expected, **figures))  # type: ignore[arg-type]

    async def release(self, claim: SyncClaim, worked_ms: int) -> None:
        """The step is over."""
        async with self.database.tenant_tx(claim.tenant_id, "test") as connection:
            await release_stream(connection, claim, Release(0, 0, None, worked_ms))

    async def end(self, claim: SyncClaim, status: SyncStatus = "succeeded", worked_ms: int = 0) -> None:
        async with self.database.tenant_tx(claim.tenant_id, "test") as connection:
            await end_stream(connection, claim, status, None if status == "succeeded" else "provider", worked_ms)
            await end_run(connection, claim.tenant_id, claim.run_id)
