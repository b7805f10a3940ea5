"""Which streams are in need of a repair: because of a gap, or because nothing was compared for long. Platform work."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from db.pool import Database
from db.queries import load_queries
from schemas.records import StreamName

SQL = load_queries("sync_repairs")


class RepairableGap(NamedTuple):
    """`gap_since`: from when on the stream may be incomplete."""

    tenant_id: int
    integration_id: int
    stream: StreamName
    gap_since: datetime
    reason: str


class UnverifiedStream(NamedTuple):
    """A stream that was listed whole once, and whose last comparison (of a report: last longer look) is long ago."""

    tenant_id: int
    integration_id: int
    stream: StreamName


async def list_repairable_gaps(
    database: Database, connectors: Sequence[str], quiet_since: datetime, rests_since: datetime, limit: int
) -> list[RepairableGap]:
    """Those of these connectors that nobody has marked since `quiet_since`, and whose last repair did not end since
    then either, nor come to nothing since `rests_since`."""
    async with database.platform_tx("repairable_gaps") as connection:
        rows = await connection.fetch(SQL["list_repairable_gaps"], quiet_since, limit, list(connectors), rests_since)
    return [RepairableGap(*row) for row in rows]


async def list_unverified_streams(
    database: Database, verified_before: datetime, quiet_since: datetime, rests_since: datetime, limit: int
) -> list[UnverifiedStream]:
    """The longest unverified first; not those whose last repair ended since `quiet_since`, or came to nothing since
    `rests_since`."""
    async with database.platform_tx("unverified_streams") as connection:
        rows = await connection.fetch(SQL["list_unverified_streams"], verified_before, quiet_since, limit, rests_since)
    return [UnverifiedStream(*row) for row in rows]
