"""What `scripts/up` shows: one screen on a terminal, plain lines elsewhere."""

import asyncio
import sys
import time
from collections import deque
from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from scripts.stack.counters import CounterReader, Counters
from scripts.stack.first_key import API_KEY_FILE
from scripts.stack.first_people import ADMIN, PASSWORD_FILE, read_dashboard_password
from scripts.stack.stack import Stack

REFRESH_S = 1.0
LINE_INTERVAL_S = 10.0
EVENTS_KEPT = 4  # with all else they must fit a terminal of 24 lines
OUTCOMES = ("applied", "superseded", "duplicate", "ignored", "dead")


class Screen(Protocol):
    """`tell` takes events at any time; `show` runs until it is cancelled."""

    def tell(self, sentence: str) -> None: ...

    async def show(self, stack: Stack) -> None: ...

    def close(self) -> None: ...


def make_screen() -> Screen:
    return LiveScreen() if sys.stdout.isatty() else PlainLines()


def describe_addresses(stack: Stack, *, is_screen: bool = False) -> list[tuple[str, str]]:
    return [
        ("dashboard", describe_sign_in(stack.path, stack.dashboard_url, is_screen=is_screen)),
        ("receiver", stack.receiver_url),
        ("web", f"{stack.web_url} (the API: /api/v2/docs)"),
        ("try it", describe_call(stack.path, stack.web_url)),
        ("sandbox", stack.sandbox_url),
        ("all URLs", str(stack.path / "run.json")),
        ("logs", str(stack.path / "logs")),
    ]


def describe_call(folder: Path, web_url: str) -> str:
    """A first call of the API, to be copied; the key itself is not for a screen or a log."""
    return f'curl -H "Authorization: Bearer $(cat {quote(str(folder / API_KEY_FILE))})" {web_url}/api/v2/tenants'


def describe_sign_in(folder: Path, dashboard_url: str, *, is_screen: bool) -> str:
    """The password is for somebody's eyes: on a terminal, and in no log."""
    password = read_dashboard_password(folder) if is_screen else f"the password in {folder / PASSWORD_FILE}"
    return f"{dashboard_url} (sign in as {ADMIN.email}, {password})"


def describe_stop(stack: Stack) -> str:
    return f"Ctrl-C stops everything; so does `scripts/down --data {stack.path}`. The data stays."


def describe_counters(counters: Counters) -> str:
    outcomes = ", ".join(f"{counters.outcomes.get(name, 0):,} {name}" for name in OUTCOMES)
    latency = counters.latency_ms
    return (
        f"accepted {counters.accepted:,}: {outcomes}; {counters.waiting:,} waiting;"
        f" p50 {latency.p50:,.0f} ms, p99 {latency.p99:,.0f} ms"
    )


class PlainLines:
    """For logs and pipes: every event a line, the counters every ten seconds while something happens."""

    def tell(self, sentence: str) -> None:
        print(f"{datetime.now().astimezone():%H:%M:%S}  {sentence}", flush=True)

    async def show(self, stack: Stack) -> None:
        for name, address in describe_addresses(stack):
            print(f"  {name:<10} {address}")
        print(describe_stop(stack), flush=True)
        reader = CounterReader(lambda: stack.settings("operator"))
        last = ""
        try:
            await tell_first_row(reader, stack, self)
            while True:
                counters = await reader.read()
                if counters is not None and (line := describe_counters(counters)) != last:
                    last = line
                    self.tell(line)
                await asyncio.sleep(LINE_INTERVAL_S)
        finally:
            await reader.close()

    def close(self) -> None:
        """Nothing to give back."""


class LiveScreen:
    """For people: addresses, counters per tenant, the last events, how to stop. Drawn anew every second."""

    def __init__(self) -> None:
        self._console = Console()
        self._events: deque[str] = deque(maxlen=EVENTS_KEPT)
        self._live: Live | None = None

    def tell(self, sentence: str) -> None:
        line = f"{datetime.now().astimezone():%H:%M:%S}  {sentence}"
        self._events.append(line)
        if self._live is None:
            self._console.print(Text(line, style="dim"))

    async def show(self, stack: Stack) -> None:
        reader = CounterReader(lambda: stack.settings("operator"))
        first_row = asyncio.create_task(tell_first_row(reader, stack, self))
        try:
            with Live(console=self._console, auto_refresh=False) as self._live:
                while True:
                    counters = await reader.read()
                    self._live.update(self._draw(stack, counters), refresh=True)
                    await asyncio.sleep(REFRESH_S)
        finally:
            first_row.cancel()
            await reader.close()

    def close(self) -> None:
        self._live = None

    def _draw(self, stack: Stack, counters: Counters | None) -> Group:
        addresses = Table.grid(padding=(0, 2))
        for name, address in describe_addresses(stack, is_screen=True):
            addresses.add_row(Text(name, style="bold"), address)
        parts: list[RenderableType] = [Text("Acequia is running", style="bold green"), addresses, Text()]
        if counters is None:
            parts.append(Text("No counters now: PostgreSQL or Valkey does not answer.", style="yellow"))
        else:
            parts += [self._draw_tenants(stack, counters), Text(describe_counters(counters), style="bold")]
        events = [Text(event, style="dim") for event in self._events]
        return Group(*parts, Text(), *events, Text(), Text(describe_stop(stack), style="bold"))

    def _draw_tenants(self, stack: Stack, counters: Counters) -> Table:
        table = Table("tenant", "name", box=None, header_style="dim")
        for heading in ("accepted", "waiting"):
            table.add_column(heading, justify="right")
        names = {tenant["tenant_id"]: tenant["name"] for tenant in stack.tenants}
        for tenant_id, tenant in sorted(counters.tenants.items()):
            name = names.get(tenant_id, "")
            table.add_row(str(tenant_id), name, f"{tenant.accepted:,}", f"{tenant.waiting:,}")
        return table


async def tell_first_row(reader: CounterReader, stack: Stack, screen: Screen) -> None:
    """Says once when the first row was committed: the moment at which the whole way is known to work."""
    if not stack.options.has_traffic:
        return
    held = 0 if stack.is_new else None  # rows of an earlier run are not the first ones of this
    while True:
        counters = await reader.read()
        if counters is not None:
            rows = sum(counters.outcomes.values(), 0)
            if held is not None and rows > held:
                screen.tell(f"Rows arrive: the first ones {time.monotonic() - stack.started_at:.1f} s after the start")
                return
            held = rows
        await asyncio.sleep(0.1)
