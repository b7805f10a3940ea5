"""A tenant's throughput and latency as charts take them: places on an axis, with a label and values each."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, get_args

from babel.dates import format_skeleton

from app.dashboard.charts import Series
from app.dashboard.viewer import Viewer
from app.dashboard.visit import Visit
from app.services.throughput import Period, Point, read_series
from app.services.throughput import Series as Counted

PERIODS: tuple[Period, ...] = get_args(Period)
BARS_MAX = 170  # narrower ones could not be told apart


class Charts(NamedTuple):
    """`events`: by outcome, for bars. `delays`: seconds, for lines. One value per label each. `step_s`: of a place."""

    period: Period
    labels: list[str]
    events: list[Series]
    delays: list[Series]
    counted: Counted
    step_s: int


def read_period(text: str) -> Period:
    return next((period for period in PERIODS if period == text), "1h")


async def read_charts(visit: Visit, period: Period) -> Charts:
    """Raises asyncpg's and OS errors."""
    counted = await read_series(visit.office, visit.tenant_id, period)
    together = -(-len(counted.points) // BARS_MAX)
    groups = [counted.points[first : first + together] for first in range(0, len(counted.points), together)]
    labels = [write_label(group[0].at, visit.viewer, period) for group in groups]
    return Charts(
        period, labels, _list_events(visit, groups), _list_delays(visit, groups), counted, counted.step_s * together
    )


def write_label(at: datetime, viewer: Viewer, period: Period) -> str:
    """The time of day, with the day where there are several."""
    here = at.astimezone(viewer.zone)
    clock = f"{here:%H:%M}"
    return clock if period in {"1h", "24h"} else f"{format_skeleton('MMMd', here, locale=viewer.locale)} {clock}"


def _list_events(visit: Visit, groups: Sequence[Sequence[Point]]) -> list[Series]:
    """The order of a stack, from below. `synced`: rows that syncs changed, beside the events."""

    def add(*names: str) -> list[float]:
        return [sum(getattr(point.totals, name) for point in group for name in names) for group in groups]

    return [
        Series(visit.t("words.outcome_applied"), add("applied"), "good"),
        Series(visit.t("tenant.known_already"), add("superseded", "duplicate"), "1"),
        Series(visit.t("words.outcome_ignored"), add("ignored"), "2"),
        Series(visit.t("words.outcome_dead"), add("dead"), "bad"),
        Series(visit.t("tenant.synced"), add("synced"), "3"),
    ]


def _list_delays(visit: Visit, groups: Sequence[Sequence[Point]]) -> list[Series]:
    """Of several steps in one place the worst: percentiles cannot be added."""

    def find(name: str) -> list[float | None]:
        found = ([getattr(point.totals, name) for point in group] for group in groups)
        known = ([value for value in values if value is not None] for values in found)
        return [round(max(values) / 1_000, 3) if values else None for values in known]

    return [
        Series(visit.t("tenant.freshness"), find("freshness_p99_ms"), "1"),
        Series(visit.t("tenant.latency"), find("latency_p99_ms"), "2"),
    ]
