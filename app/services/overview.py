"""All tenants at one glance: figures as they were put down within the last minute, queues as they are now."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from app.core.errors import QueueUnavailableError
from app.core.latency import LatencyRecorder, Percentiles
from app.core.queue import Depth
from app.core.queue_runner import queue_errors
from app.services.global_metrics import read_global_metrics
from app.services.office import Office
from db import overview as db_overview
from db.overview import OverviewFigures, OverviewRow, Sort
from schemas.sync_status import Health
from schemas.tenants import GlobalMetrics

PAGE_TENANTS = 100
LATENCY_MINUTES = 15
_NOTHING = Depth(0, 0, None, "none", 0)


class OverviewLine(NamedTuple):
    """`waiting`, `oldest_s`, `is_paused`: now; None while Redis does not answer. Everything else stands in `row`."""

    row: OverviewRow
    waiting: int | None
    oldest_s: float | None
    is_paused: bool | None

    @property
    def limit_used(self) -> tuple[str, float]:
        """The limit of which most is used, and how much: 1 is all."""
        row = self.row
        uses = {
            "customers": _share(row.customers, row.customers_max),
            "storage": _share(row.stored_bytes, row.storage_bytes_max),
            "api_calls": _share(row.api_calls_today, row.api_calls_day_max),
        }
        name = max(uses, key=lambda one: uses[one])
        return name, uses[name]


class Overview(NamedTuple):
    """`lines`: one page of those that match, `matching` in all. `figures`, `metrics`: of all tenants. `latency`: from a
    call to its committed row over the last LATENCY_MINUTES; `waiting` and `oldest_s`: in all queues now; these three
    are None while Redis does not answer. `taken_at`: of the lines' figures; None: nothing was put down yet."""

    lines: Sequence[OverviewLine]
    matching: int
    offset: int
    figures: OverviewFigures
    metrics: GlobalMetrics
    latency: Percentiles | None
    waiting: int | None
    oldest_s: float | None
    taken_at: datetime | None

    @property
    def next_offset(self) -> int | None:
        """Where the next page begins."""
        end = self.offset + len(self.lines)
        return end if end < self.matching else None


async def read_overview(
    office: Office,
    *,
    sort: Sort = "health",
    is_descending: bool = False,
    text: str = "",
    health: Health | None = None,
    offset: int = 0,
    limit: int = PAGE_TENANTS,
) -> Overview:
    """Platform work. Raises what Postgres raises; without Redis the live figures are missing."""
    async with office.database.platform_tx("overview") as connection:
        rows = await db_overview.list_overview(
            connection, text=text, health=health, sort=sort, is_descending=is_descending, limit=limit, offset=offset
        )
        figures = await db_overview.find_overview_figures(connection)
    metrics, live = await asyncio.gather(read_global_metrics(office), _read_live(office))
    return Overview(
        lines=[_show(row, live) for row in rows],
        matching=rows[0].matching if rows else 0,
        offset=offset,
        figures=figures,
        metrics=metrics,
        latency=None if live is None else live.latency,
        waiting=None if live is None else sum(depth.waiting + depth.retrying for depth in live.depths.values()),
        oldest_s=None if live is None else _find_oldest(live.depths.values()),
        taken_at=figures.taken_at,
    )


class _Live(NamedTuple):
    depths: dict[int, Depth]
    paused: set[int]
    latency: Percentiles


async def _read_live(office: Office) -> _Live | None:
    try:
        depths, paused = await office.queue.depths(), await office.queue.list_paused()
        with queue_errors():
            return _Live(depths, paused, await LatencyRecorder(office.cache).read(LATENCY_MINUTES))
    except QueueUnavailableError:
        return None


def _show(row: OverviewRow, live: _Live | None) -> OverviewLine:
    if live is None:
        return OverviewLine(row, None, None, None)
    depth = live.depths.get(row.tenant_id, _NOTHING)
    return OverviewLine(row, depth.waiting + depth.retrying, _to_s(depth), row.tenant_id in live.paused)


def _find_oldest(depths: Iterable[Depth]) -> float | None:
    return max((depth.oldest_ms / 1_000 for depth in depths if depth.oldest_ms is not None), default=None)


def _to_s(depth: Depth) -> float | None:
    return None if depth.oldest_ms is None else depth.oldest_ms / 1_000


def _share(used: int, limit: int) -> float:
    return used / limit if limit else 0.0
