"""How a run is told on a terminal and in a pipe."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from rich.console import Console

from schemas.syncs import StreamProgress, SyncRun
from scripts.cli.sync_findings import describe_reports
from scripts.cli.sync_watch import Bars, Lines, describe_duration, describe_stream

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def make_stream(**told: Any) -> StreamProgress:
    counts = (
        "listed", "fetched", "created", "updated", "unchanged", "deleted", "dead", "kept_out", "read_bytes",
        "provider_calls", "errors", "steps",
    )  # fmt: skip
    nothing = ("reason", "started_at", "ended_at", "expected", "error_code", "error_example", "rate_per_s", "eta_s")
    values = {"stream": "orders", "status": "running", "worked_s": 0.0, **dict.fromkeys(counts, 0)}
    return StreamProgress.model_validate({**values, **dict.fromkeys(nothing), **told})


def make_run(*streams: StreamProgress, **told: Any) -> SyncRun:
    values: dict[str, Any] = {
        "run_id": UUID(int=7), "integration_id": "int_56_1", "type": "vtex", "sync_type": "full", "trigger": "manual",
        "priority": "normal", "status": "running", "is_paused": False, "is_ending": False, "reason": None,
        "requested_by": "cli:test", "created_at": NOW, "started_at": NOW, "ended_at": None, "since": None,
        "until": None, "eta_s": None, "streams": streams,
    }  # fmt: skip
    return SyncRun.model_validate({**values, **told})


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"status": "queued"}, "orders: 0 of ? listed, 0 created, 0 updated, 0 deleted; queued"),
        (
            {"expected": 20_000, "listed": 1_250, "created": 1_200, "rate_per_s": 62.5, "eta_s": 300.0},
            "orders: 1,250 of 20,000 listed, 1,200 created, 0 updated, 0 deleted; 62/s, 5:00 min left",
        ),
        (
            {"status": "partial", "expected": 9, "listed": 9, "errors": 1, "reason": "some_objects_failed"},
            "orders: 9 of 9 listed, 0 created, 0 updated, 0 deleted; partial (some_objects_failed), 1 errors",
        ),
        (
            {"listed": 10, "rate_per_s": 5.0, "reason": "throttled"},
            "orders: 10 of ? listed, 0 created, 0 updated, 0 deleted; 5/s, throttled",
        ),
    ],
)
def test_a_stream_is_one_line(told: dict[str, Any], expected: str) -> None:
    stream = make_stream(**told)
    assert describe_stream(make_run(stream), stream) == expected


def test_a_repair_of_a_report_says_what_it_read_again_and_what_was_otherwise() -> None:
    report = make_stream(stream="ad_spend", listed=1_250, created=2, updated=30, deleted=1, unchanged=1_218)
    assert describe_reports([make_run(make_stream()), make_run(report)]) == [
        "int_56_1 ad_spend: 1,250 rows read again, 33 new, changed or gone."
    ]


def test_a_pipe_gets_a_line_for_each_change_and_none_twice(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    first, other = make_stream(), make_stream(stream="customers")
    for run in (make_run(first, other), make_run(first, other), make_run(make_stream(listed=5), other)):
        lines.show(run)
    lines.show(make_run(make_stream(listed=5), other, is_paused=True))
    out = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in out] == [
        "int_56_1 full orders", "int_56_1 full customers", "int_56_1 full orders", "int_56_1 full orders",
        "int_56_1 full customers",
    ]  # fmt: skip
    assert out[-1].endswith("paused")


def test_a_terminal_gets_a_bar_per_stream_with_what_is_left() -> None:
    console = Console(force_terminal=True, width=120, record=True, highlight=False, markup=False)
    bars = Bars(console)
    with bars:
        bars.show(make_run(make_stream(expected=200, listed=50, rate_per_s=10.0, eta_s=15.0)))
        bars.show(make_run(make_stream(status="succeeded", expected=None, listed=180), status="succeeded"))
    text = console.export_text()
    assert "int_56_1 full orders" in text
    assert "180/180" in text
    assert "succeeded" in text


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, "0 s"), (59.4, "59 s"), (60, "1:00 min"), (3_599, "59:59 min"), (7_500, "2:05 h")]
)
def test_a_duration_is_short(seconds: float, expected: str) -> None:
    assert describe_duration(seconds) == expected
