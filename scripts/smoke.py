"""`scripts/up --smoke`: the whole stack in a throw-away folder, a counted run of webhooks, and the ledger's balance.

1. start the stack on free ports; 2. the sandbox sends N webhooks at R per second: orders and customers of several
tenants, duplicates, late ones, deletions; 3. wait until every accepted id has its ledger row; 4. compare the ids, and
a sample of rows, over a connection of its own, with what is true at the sandbox; 5. exit 0 only if all of it holds.
"""

import asyncio
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import orjson

from app.core.latency import LatencyRecorder, Percentiles
from app.core.queue import Queue
from app.core.redis import connect_redis
from app.services.keyring import open_keyring
from app.services.stored_records import find_stored_customer, find_stored_order
from db.ledger import list_outcomes
from db.pool import Database
from scripts.stack.demo_tenants import BRANDS
from scripts.stack.stack import Stack, StackOptions

STALL_MAX_S = 90.0
POLL_S = 0.2
SAMPLE_PER_KIND = 40
OUTCOMES = ("applied", "superseded", "duplicate", "ignored", "dead")


@dataclass
class Balance:
    """What was sent, what became of it, and what does not fit."""

    sent: int = 0
    refused: int = 0
    accepted: int = 0
    ignored_calls: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    invented: int = 0
    rows_checked: int = 0
    wrong_rows: list[str] = field(default_factory=list)
    latency_ms: Percentiles = field(default_factory=lambda: Percentiles(0, 0.0, 0.0, 0.0))
    seconds: float = 0.0

    @property
    def is_balanced(self) -> bool:
        settled = sum(self.outcomes.values())
        return (
            self.accepted > 0
            and self.lost == self.invented == 0
            and settled == self.accepted
            and self.sent == self.accepted + self.refused + self.ignored_calls
            and not self.wrong_rows
            and self.rows_checked > 0
        )

    def to_json(self) -> dict[str, Any]:
        latency = {name: value for name, value in self.latency_ms._asdict().items() if name != "events"}
        outcomes = {name: self.outcomes[name] for name in OUTCOMES}
        outcomes["ignored"] += self.ignored_calls
        return {
            "sent": self.sent,
            "refused": self.refused,
            "accepted": self.accepted + self.ignored_calls,
            **outcomes,
            "lost": self.lost,
            "latency_ms": latency,
            "rows_checked": self.rows_checked,
            "wrong_rows": len(self.wrong_rows),
            "seconds": round(self.seconds, 1),
        }


async def run_smoke(*, events: int, rate: float, provider_latency_ms: float | None, is_json: bool) -> int:
    """The exit code: 0 when the ledger balances and every row checked is right."""
    arguments = () if provider_latency_ms is None else ("--latency-ms", str(provider_latency_ms))
    with tempfile.TemporaryDirectory(prefix="acequia-smoke-") as folder:
        options = StackOptions(
            folder=Path(folder) / "data", has_traffic=False, uses_free_ports=True, sandbox_arguments=arguments
        )
        async with Stack(options, _tell) as stack:
            balance = await measure(stack, events, rate)
    _print(balance)
    if is_json:
        print(orjson.dumps(balance.to_json()).decode(), flush=True)
    return 0 if balance.is_balanced else 1


async def measure(stack: Stack, events: int, rate: float, mix: dict[str, float] | None = None) -> Balance:
    """Sends a counted run through a running stack and accounts for it."""
    started_at = time.monotonic()
    balance = Balance()
    settings = stack.settings("web")
    cache = connect_redis(settings.get_url("redis_url"), socket_timeout_s=5.0)
    try:
        async with (
            httpx.AsyncClient(base_url=stack.sandbox_url, timeout=90.0, trust_env=False) as sandbox,
            await Database.open(settings, application_name="acequia smoke") as database,
        ):
            run_id = await _send(sandbox, events, rate, mix or {}, balance)
            accepted = await read_accepted(sandbox, run_id)
            await _wait_for_ledger(database, accepted, balance)
            balance.latency_ms = await LatencyRecorder(cache).read(int(time.monotonic() - started_at) // 60 + 2)
            await _check_queue(Queue(cache), balance)
            await check_rows(stack, database, sandbox, run_id, balance)
    finally:
        await cache.aclose()
    balance.seconds = time.monotonic() - started_at
    return balance


async def _send(sandbox: httpx.AsyncClient, events: int, rate: float, mix: dict[str, float], balance: Balance) -> str:
    answer = await sandbox.post("/_sandbox/traffic", json={"events": events, "rate": rate, "mix": mix})
    run = answer.raise_for_status().json()
    _tell(f"sending {events} webhooks at {rate:g} per second")
    while not run["done"]:
        answer = await sandbox.get(f"/_sandbox/traffic/{run['id']}", params={"wait_s": 5})
        run = answer.raise_for_status().json()
        _tell(f"sent {run['sent']}, accepted {run['accepted']}, refused {run['refused'] + run['failed']}")
    if run["error"]:
        raise RuntimeError(f"The sandbox could not send: {run['error']}")
    if run["late"] > events / 10:
        _tell(f"{run['late']} webhooks left more than 100 ms late: this machine could not send {rate:g} per second")
    balance.sent, balance.accepted, balance.ignored_calls = run["sent"], run["accepted"], run["ignored"]
    balance.refused = run["refused"] + run["failed"]
    return str(run["id"])


async def read_accepted(sandbox: httpx.AsyncClient, run_id: str) -> dict[str, set[str]]:
    """Account → ids of the events accepted for it."""
    counts = (await sandbox.get(f"/_sandbox/traffic/{run_id}/accepted")).raise_for_status().json()
    found: dict[str, set[str]] = {}
    for account in counts:
        query: dict[str, str | int] = {"account": account, "limit": 100_000, "offset": 0}
        ids: list[str] = []
        while len(ids) < counts[account]:
            page = (await sandbox.get(f"/_sandbox/traffic/{run_id}/accepted", params=query)).raise_for_status().json()
            ids += page["ids"]
            query["offset"] = len(ids)
        found[account] = set(ids)
    return found


async def _wait_for_ledger(database: Database, accepted: dict[str, set[str]], balance: Balance) -> None:
    """Until every accepted id has a row under its own tenant, or nothing has moved for STALL_MAX_S."""
    missing, moved_at = -1, time.monotonic()
    while True:
        outcomes: Counter[str] = Counter()
        lost = invented = 0
        for brand in BRANDS:
            expected = accepted.get(brand.account, set())
            async with database.tenant_tx(brand.tenant_id, "smoke") as connection:
                rows = await list_outcomes(connection, brand.tenant_id)
            lost += len(expected - rows.keys())
            invented += len(rows.keys() - expected)
            outcomes.update(rows.values())
        if lost != missing:
            missing, moved_at = lost, time.monotonic()
            if lost:
                _tell(f"{lost} accepted events are on their way")
        if not lost or time.monotonic() - moved_at > STALL_MAX_S:
            balance.outcomes, balance.lost, balance.invented = outcomes, lost, invented
            return
        await asyncio.sleep(POLL_S)


async def _check_queue(queue: Queue, balance: Balance) -> None:
    """At rest nothing waits: an id may stand in queue and ledger both only between COMMIT and delete."""
    deadline = time.monotonic() + 10
    while True:
        waiting = {tenant: depth for tenant, depth in (await queue.depths()).items() if depth.waiting or depth.retrying}
        if not waiting or time.monotonic() > deadline:
            break
        await asyncio.sleep(POLL_S)
    balance.wrong_rows += [f"tenant {tenant} still has {depth.waiting} waiting" for tenant, depth in waiting.items()]
    await queue.close()


async def check_rows(
    stack: Stack, database: Database, sandbox: httpx.AsyncClient, run_id: str, balance: Balance
) -> None:
    """A sample of rows against what is true at the sandbox, read as the tenant they belong to."""
    keyring = await open_keyring(stack.settings("web"))
    try:
        for brand in BRANDS:
            keys = await keyring.keys_of(brand.tenant_id)
            for kind in ("order", "customer"):
                query: dict[str, str | int] = {
                    "account": brand.account, "kind": kind, "limit": SAMPLE_PER_KIND, "run": run_id,
                }  # fmt: skip
                for truth in (await sandbox.get("/_sandbox/expected", params=query)).raise_for_status().json():
                    find = find_stored_order if kind == "order" else find_stored_customer
                    row = await find(database, keys, "vtex", brand.account, truth["external_id"])
                    balance.rows_checked += 1
                    if problem := find_difference(truth, row):
                        balance.wrong_rows.append(f"{kind} {truth['external_id']} of {brand.name}: {problem}")
    finally:
        await keyring.close()


def find_difference(truth: dict[str, Any], row: Any) -> str | None:
    """What is wrong with a stored record; None when nothing is."""
    if row is None:
        return "has no row"
    if row.is_deleted != truth["deleted"]:
        return f"deleted is {row.is_deleted}"
    if truth["deleted"]:
        return None
    if row.source_updated_at != datetime.fromisoformat(truth["source_updated_at"]):
        return f"is of {row.source_updated_at}, the newest is of {truth['source_updated_at']}"
    for name in ("status", "total_minor") if truth["kind"] == "order" else ("email",):
        if getattr(row, name) != truth[name]:
            return f"has another {name}"
    return None


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _print(balance: Balance) -> None:
    latency = balance.latency_ms
    outcomes = ", ".join(f"{balance.outcomes[name]} {name}" for name in OUTCOMES)
    print(
        f"sent {balance.sent}, refused {balance.refused}, accepted {balance.accepted}: {outcomes}; lost {balance.lost}"
    )
    print(f"latency p50 {latency.p50:.0f} ms, p99 {latency.p99:.0f} ms, max {latency.max:.0f} ms; "
          f"{balance.rows_checked} rows checked, {len(balance.wrong_rows)} wrong; {balance.seconds:.0f} s")  # fmt: skip
    for sentence in balance.wrong_rows[:20]:
        print(f"wrong: {sentence}")
    print("The ledger balances." if balance.is_balanced else "The ledger does NOT balance.", flush=True)
