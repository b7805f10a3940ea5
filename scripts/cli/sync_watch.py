"""Sync runs followed: on a terminal a bar per stream, with rows a second and the time left; else a line per change."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn

from app.services.office import Office
from app.services.sync_progress import follow_run
from db.sync_runs import ACTIVE
from schemas.syncs import StreamProgress, SyncRun
from scripts.cli.session import show_json

LOOK_S = 0.5


async def watch_runs(
    office: Office, tenant_id: int, run_ids: Sequence[UUID], *, as_json: bool, is_quiet: bool = False
) -> list[SyncRun]:
    """Until all have ended; how. `as_json`: each change is one document on a line. `is_quiet`: shows nothing."""
    console = Console(highlight=False, markup=False)
    screen: Bars | Lines | Documents | Nothing
    if is_quiet:
        screen = Nothing()
    elif as_json:
        screen = Documents()
    else:
        screen = Bars(console) if console.is_terminal else Lines()
    with screen:
        return list(await asyncio.gather(*(_follow(office, tenant_id, one, screen) for one in run_ids)))


class Nothing:
    """For who only waits."""

    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None: ...

    def show(self, run: SyncRun) -> None:
        """Each change of a run."""


class Documents(Nothing):
    def show(self, run: SyncRun) -> None:
        show_json(run.model_dump(mode="json"))


class Lines(Nothing):
    """One line a stream whenever something of it has changed."""

    def __init__(self) -> None:
        self._shown: dict[tuple[UUID, str], str] = {}

    def show(self, run: SyncRun) -> None:
        for stream in run.streams:
            line = f"{run.integration_id} {run.sync_type} {describe_stream(run, stream)}"
            if self._shown.get((run.run_id, stream.stream)) != line:
                self._shown[run.run_id, stream.stream] = line
                typer.echo(line)


class Bars(Nothing):
    """A bar per stream."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TextColumn("{task.fields[told]}"), console=console,
        )  # fmt: skip
        self._tasks: dict[tuple[UUID, str], TaskID] = {}

    def __enter__(self) -> None:
        self._progress.start()

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def show(self, run: SyncRun) -> None:
        for stream in run.streams:
            key = (run.run_id, stream.stream)
            if key not in self._tasks:
                name = f"{run.integration_id} {run.sync_type} {stream.stream}"
                self._tasks[key] = self._progress.add_task(name, total=None, told="")
            # What is over is full, whatever the lists had told.
            total = stream.expected if stream.status in ACTIVE else max(stream.listed, 1)
            done = stream.listed if stream.status in ACTIVE else total
            self._progress.update(self._tasks[key], total=total, completed=done or 0, told=describe_pace(run, stream))


async def _follow(office: Office, tenant_id: int, run_id: UUID, screen: Nothing) -> SyncRun:
    last: SyncRun | None = None
    async for run in follow_run(office, tenant_id, run_id, interval_s=LOOK_S):
        if run is not None:
            last = run
            screen.show(run)
    assert last is not None, "a run is shown at the first look"
    return last


def describe_stream(run: SyncRun, stream: StreamProgress) -> str:
    """A stream on one line."""
    expected = "?" if stream.expected is None else f"{stream.expected:,}"
    changed = f"{stream.created:,} created, {stream.updated:,} updated, {stream.deleted:,} deleted"
    return f"{stream.stream}: {stream.listed:,} of {expected} listed, {changed}; {describe_pace(run, stream)}"


def describe_pace(run: SyncRun, stream: StreamProgress) -> str:
    """How it goes: its state, its speed and what is left; or how it ended."""
    if stream.status not in ACTIVE:
        errors = f", {stream.errors:,} errors" if stream.errors else ""
        return stream.status + (f" ({stream.reason})" if stream.reason else "") + errors
    if run.is_paused or run.is_ending:
        return "paused" if run.is_paused else "ending"
    if stream.rate_per_s is None:
        return stream.status + (f": {stream.reason}" if stream.reason else "")
    left = "" if stream.eta_s is None else f", {describe_duration(stream.eta_s)} left"
    return f"{stream.rate_per_s:,.0f}/s{left}" + (f", {stream.reason}" if stream.reason else "")


def describe_duration(seconds: float) -> str:
    """4 s, 3:20 min, 2:05 h."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02} h"
