"""Where the lines and bars of a chart lie, in the units of its SVG; drawing them is the template's.

Charts are plain SVG without script. Every chart is also a table, for who cannot see it.
"""

from collections.abc import Sequence
from typing import NamedTuple

WIDTH, HEIGHT = 640, 180
LEFT, RIGHT, TOP, BOTTOM = 52, 8, 10, 24
GRID_LINES = 4
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


class Series(NamedTuple):
    """`values`: one per place on the axis; None where nothing is known. `tone`: 1 to 5, or good, warn, bad."""

    name: str
    values: Sequence[float | None]
    tone: str = "1"


class Tick(NamedTuple):
    at: float
    label: str


class Line(NamedTuple):
    name: str
    tone: str
    paths: list[str]
    dots: list[tuple[float, float]]


class Bar(NamedTuple):
    x: float
    y: float
    width: float
    height: float
    tone: str
    title: str


class Chart(NamedTuple):
    """`x_ticks`, `y_ticks`: places and labels. Either `lines` or `bars`."""

    y_ticks: list[Tick]
    x_ticks: list[Tick]
    lines: list[Line]
    bars: list[Bar]


def draw_lines(series: Sequence[Series], labels: Sequence[str]) -> Chart:
    """Gaps stay gaps; a value between two gaps is a dot."""
    top = find_top([value for one in series for value in one.values if value is not None])
    lines = [_draw_line(one, top) for one in series]
    return Chart(_list_y_ticks(top), _list_x_ticks(labels), lines, [])


def draw_bars(series: Sequence[Series], labels: Sequence[str]) -> Chart:
    """One stack per place."""
    count = max((len(one.values) for one in series), default=0)
    totals = [sum(one.values[place] or 0 for one in series) for place in range(count)]
    top = find_top(totals)
    slot = (WIDTH - LEFT - RIGHT) / max(count, 1)
    bars: list[Bar] = []
    for place in range(count):
        low = 0.0
        for one in series:
            value = one.values[place] or 0
            if value <= 0:
                continue
            height = value / top * (HEIGHT - TOP - BOTTOM)
            y = HEIGHT - BOTTOM - low / top * (HEIGHT - TOP - BOTTOM) - height
            title = f"{labels[place]} · {one.name}: {value:g}"
            bars.append(Bar(round(LEFT + place * slot + slot * 0.1, 1), round(y, 1), round(slot * 0.8, 1),
                            round(max(height, 0.8), 1), one.tone, title))  # fmt: skip
            low += value
    return Chart(_list_y_ticks(top), _list_x_ticks(labels, is_slots=True), [], bars)


def find_top(values: Sequence[float]) -> float:
    """The first round number that is not below any of them; 1 for none."""
    highest = max(values, default=0)
    if highest <= 0:
        return 1.0
    power = 1.0
    while power * 10 < highest:
        power *= 10
    while power > highest:
        power /= 10
    return next(power * step for step in _STEPS if power * step >= highest)


def _draw_line(one: Series, top: float) -> Line:
    paths: list[str] = []
    dots: list[tuple[float, float]] = []
    run: list[tuple[float, float]] = []
    for place, value in enumerate((*one.values, None)):
        if value is not None:
            run.append((_x(place, len(one.values)), _y(value, top)))
            continue
        if len(run) == 1:
            dots.append(run[0])
        elif run:
            paths.append(" ".join(f"{x:g},{y:g}" for x, y in run))
        run = []
    return Line(one.name, one.tone, paths, dots)


def _x(place: int, count: int) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * place / max(count - 1, 1), 1)


def _y(value: float, top: float) -> float:
    return round(HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM), 1)


def _list_y_ticks(top: float) -> list[Tick]:
    return [Tick(_y(top * step / GRID_LINES, top), f"{top * step / GRID_LINES:g}") for step in range(GRID_LINES + 1)]


def _list_x_ticks(labels: Sequence[str], *, is_slots: bool = False) -> list[Tick]:
    count = len(labels)
    every = max(1, -(-count // 6))
    slot = (WIDTH - LEFT - RIGHT) / max(count, 1)
    return [
        Tick(round(LEFT + (place + 0.5) * slot, 1) if is_slots else _x(place, count), labels[place])
        for place in range(0, count, every)
    ]
