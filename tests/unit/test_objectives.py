"""How an objective stands: what is kept, what is left of its budget, and which burn is on."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.core.queue_records import Depth
from app.core.settings import Settings
from app.services.objectives import (
    WINDOWS,
    ObjectiveFacts,
    Share,
    count_waiting_late,
    find_month_begin,
    find_objective_percent,
    judge_objective,
)
from tests.unit.test_health import make_tenant

SETTINGS = Settings()
NONE = Share(0, 0)


def judge(
    windows: dict[str, Share] | None = None, *, percent: float = 99.0, month: Share = NONE, waiting: int = 0
) -> ObjectiveFacts:
    return judge_objective(percent, month, dict.fromkeys(WINDOWS, NONE) | (windows or {}), waiting, late_min=5)


@pytest.mark.parametrize(("type_", "percent"), [("enterprise", 99.9), ("business", 99.0), ("trial", None)])
def test_each_type_has_its_objective_and_a_trial_none(type_: str, percent: float | None) -> None:
    assert find_objective_percent(make_tenant(type=type_), SETTINGS) == percent


@pytest.mark.parametrize(
    ("counted", "late", "kept", "left"),
    [(0, 0, None, 1.0), (1_000, 0, 100.0, 1.0), (1_000, 5, 99.5, 0.5), (1_000, 10, 99.0, 0.0), (1_000, 20, 98.0, -1.0)],
)
def test_the_budget_is_what_the_objective_allows_to_be_late(
    counted: int, late: int, kept: float | None, left: float
) -> None:
    found = judge(month=Share(counted, late))
    assert found.kept_percent == kept
    assert found.budget_left == pytest.approx(left)


@pytest.mark.parametrize(
    ("windows", "burn"),
    [
        ({}, None),
        # 14.4 times 1 %: fast when the last five minutes and the last hour say so.
        ({"5m": Share(100, 15), "1h": Share(1_000, 144)}, "fast"),
        ({"5m": Share(100, 14), "1h": Share(1_000, 144)}, None),
        ({"5m": Share(100, 15), "1h": Share(1_000, 143)}, None),
        ({"5m": Share(100, 0), "1h": Share(1_000, 500)}, None),  # it was, and is over
        ({"30m": Share(100, 6), "6h": Share(1_000, 60)}, "fast"),
        ({"6h": Share(1_000, 10), "3d": Share(1_000, 10)}, "slow"),
        ({"6h": Share(1_000, 9), "3d": Share(1_000, 10)}, None),
        # Few are no fire, however large their share.
        ({"5m": Share(4, 4), "1h": Share(4, 4)}, None),
        ({"5m": Share(10, 10), "1h": Share(10, 10), "6h": Share(10, 10), "3d": Share(10, 10)}, "fast"),
    ],
)
def test_a_burn_is_on_when_both_of_its_windows_say_so(windows: dict[str, Any], burn: str | None) -> None:
    assert judge(windows).burn == burn


def test_an_enterprise_burns_ten_times_as_fast() -> None:
    windows = {"5m": Share(1_000, 15), "1h": Share(1_000, 15)}
    assert judge(windows, percent=99.9).burn == "fast"
    assert judge(windows).burn is None


def test_what_waits_too_long_is_late_before_it_ends() -> None:
    in_time, late = Depth(40, 9, 60_000, "ready", 0), Depth(40, 9, 60_001, "ready", 0)
    assert (count_waiting_late(in_time, SETTINGS), count_waiting_late(late, SETTINGS)) == (0, 40)
    assert count_waiting_late(None, SETTINGS) == count_waiting_late(Depth(0, 9, None, "due", 0), SETTINGS) == 0
    found = judge(month=Share(960, 0), waiting=40)
    assert (found.kept_percent, found.burn_rates["5m"], found.burn) == (96.0, 100.0, "fast")


def test_the_month_is_that_of_utc() -> None:
    assert find_month_begin(datetime.fromisoformat("2026-11-30T23:30:00-03:00")) == datetime(2026, 12, 1, tzinfo=UTC)
