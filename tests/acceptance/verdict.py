"""P2, checked from outside: the ids that senders were told, the ledger as Postgres holds it, and what Valkey still has.

The ledger is a set, so the check is set algebra (security_reliability.md §7.1); it asks the servers past every wall and
uses nothing of the product that could hide a fault, but for opening the sample of rows.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from asyncpg.exceptions import InterfaceError, PostgresError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.services.apply import APPLIED_PREFIX
from app.services.upsert import ROW_BYTES
from db.pool import Database
from scripts.smoke import Balance, check_rows
from scripts.stack.demo_tenants import BRANDS
from scripts.stack.stack import Stack
from tests.acceptance.sandbox import Traffic

POLL_S = 0.25
TENANTS = {brand.account: brand.tenant_id for brand in BRANDS}
SETS = ("ready:shared", "leased", "runs", "due", "hold")
Ledger = dict[int, dict[str, asyncpg.Record]]

COUNTED = f"""
SELECT tenant_id, 'events_' || outcome AS name, count(*) AS rows FROM events GROUP BY 1, 2
UNION ALL
SELECT tenant_id, '{APPLIED_PREFIX}' || integration_id, count(*) FROM events WHERE outcome = 'applied' GROUP BY 1, 2
UNION ALL
SELECT tenant_id, CASE WHEN deleted_at IS NULL THEN 'customers' ELSE 'customers_deleted' END, count(*)
FROM customers GROUP BY 1, 2
UNION ALL
SELECT tenant_id, CASE WHEN deleted_at IS NULL THEN 'orders' ELSE 'orders_deleted' END, count(*)
FROM orders GROUP BY 1, 2
UNION ALL
SELECT tenant_id, 'customers_waiting', count(*) FROM waiting_customers GROUP BY 1
UNION ALL
SELECT tenant_id, 'stored_bytes', sum(bytes) FROM (
    SELECT tenant_id, {ROW_BYTES} + coalesce(octet_length(sealed), 0) AS bytes FROM customers
    UNION ALL
    SELECT tenant_id, {ROW_BYTES} + coalesce(octet_length(sealed), 0) FROM orders
) AS sizes GROUP BY 1
"""


@dataclass
class Verdict:
    """`lost`: accepted, and in no ledger. `settled_s`: when the last accepted event had its row, from the last kill."""

    accepted: int
    lost: int
    extra: int
    settled_s: float
    outcomes: "Counter[str]"
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.accepted} accepted, {self.lost} lost, {self.extra} rows of calls whose answer was lost,"
            f" settled {self.settled_s:.1f} s after the last kill; {dict(self.outcomes)}"
        )


async def wait_for_rest(stack: Stack, accepted: Set[str], since: float, timeout_s: float) -> tuple[float, list[str]]:
    """Until nothing waits in the queue, or `timeout_s` after `since` (monotonic) are over.

    Answers when the last of `accepted` had its row, in seconds from `since` (infinite: never), and what is left in the
    queue. Servers may still be starting.
    """
    settled_s, leftovers = float("inf"), ["nothing was seen of the queue"]
    while True:
        try:
            leftovers = await list_leftovers(stack)  # first: what leaves the queue after it is in the ledger by then
            if settled_s == float("inf"):
                ids = {event_id for rows in (await read_ledger(stack)).values() for event_id in rows}
                if accepted <= ids:
                    settled_s = time.monotonic() - since
        except (OSError, RedisError, PostgresError, InterfaceError):
            leftovers = ["a server does not answer"]
        if not leftovers or time.monotonic() - since > timeout_s:
            return settled_s, leftovers
        await asyncio.sleep(POLL_S)


async def judge(
    stack: Stack, traffic: Traffic, accepted: Mapping[str, Set[str]], settled_s: float, leftovers: list[str]
) -> Verdict:
    """Everything that does not fit, as sentences."""
    ledger = await read_ledger(stack)
    expected = {tenant_id: set(accepted.get(account, ())) for account, tenant_id in TENANTS.items()}
    lost = sum(len(ids - ledger.get(tenant_id, {}).keys()) for tenant_id, ids in expected.items())
    extra = {
        event_id: row
        for tenant_id, rows in ledger.items()
        for event_id, row in rows.items()
        if event_id not in expected.get(tenant_id, ())
    }
    outcomes = Counter(row["outcome"] for rows in ledger.values() for row in rows.values())
    verdict = Verdict(sum(map(len, expected.values())), lost, len(extra), settled_s, outcomes, list(leftovers))
    say = verdict.problems.append
    if lost:
        say(f"{lost} accepted events have no row under their tenant")
    if len(extra) > traffic.calls_without_200:
        say(f"{len(extra)} rows are of no accepted event, but only {traffic.calls_without_200} calls had no 200")
    objects = await traffic.list_objects()
    verdict.problems += find_invented(objects, extra)
    verdict.problems += find_wrongly_dead(objects, ledger)
    verdict.problems += await compare_appended(stack, ledger)
    verdict.problems += await compare_counters(stack)
    verdict.problems += await find_false_alarms(stack)
    verdict.problems += await _find_wrong_rows(stack, traffic)
    return verdict


async def read_ledger(stack: Stack) -> Ledger:
    """Tenant → event id → row."""
    connection = await asyncpg.connect(stack.database_urls["postgres"])
    try:
        rows = await connection.fetch("SELECT tenant_id, event_id::text, outcome, reason, kind, object_id FROM events")
    finally:
        await connection.close()
    ledger: Ledger = {}
    for row in rows:
        known = ledger.setdefault(row["tenant_id"], {})
        assert row["event_id"] not in known, "an event has two rows"
        known[row["event_id"]] = row
    return ledger


async def list_leftovers(stack: Stack) -> list[str]:
    """What is not empty of the queue: at rest nothing is, counts of reads and tries included."""
    async with Redis.from_url(stack.redis_url, decode_responses=True) as redis:
        found = []
        async for key in redis.scan_iter("t:*", count=1_000):
            if not key.endswith(":events"):
                found.append(f"{key} is left behind")
            elif waiting := await redis.xlen(key):
                found.append(f"{key} has {waiting} events")
        found += [f"{name} is not empty" for name in SETS if await redis.exists(name)]
    return found


async def compare_appended(stack: Stack, ledger: Ledger) -> list[str]:
    """Every entry that ever got into a queue, acknowledged or not, is one row: no more, no fewer."""
    async with Redis.from_url(stack.redis_url, decode_responses=True) as redis:
        appended: Any = await redis.hgetall("accepted")
    tenants = {int(tenant) for tenant in appended} | set(ledger)
    pairs = ((tenant, int(appended.get(str(tenant), 0)), len(ledger.get(tenant, {}))) for tenant in sorted(tenants))
    return [f"tenant {tenant}: {entries} entries, {rows} rows" for tenant, entries, rows in pairs if entries != rows]


async def compare_counters(stack: Stack) -> list[str]:
    """Counters and day totals against the rows they are kept for. What a sync brought stands in no ledger."""
    connection = await asyncpg.connect(stack.database_urls["postgres"])
    try:
        async with connection.transaction(isolation="repeatable_read"):
            rows = {(row["tenant_id"], row["name"]): int(row["rows"]) for row in await connection.fetch(COUNTED)}
            counters = await connection.fetch(
                "SELECT tenant_id, name, sum(value) FROM counters"
                " WHERE writer = 'live' OR name NOT LIKE $1 GROUP BY 1, 2",
                f"{APPLIED_PREFIX}%",
            )
            totals = await connection.fetch(
                "SELECT tenant_id, 'events_' || outcome, sum(events) FROM event_day_totals GROUP BY 1, 2"
            )
    finally:
        await connection.close()
    problems = []
    for told, name in ((counters, "counter"), (totals, "day total")):
        held = {(tenant_id, key): int(value) for tenant_id, key, value in told if value}
        there = {key: value for key, value in rows.items() if name == "counter" or key[1].startswith("events_")}
        problems += [
            f"{name} {key}: {held.get(key, 0)}, rows: {there.get(key, 0)}"
            for key in sorted(held.keys() | there.keys())
            if held.get(key, 0) != there.get(key, 0)
        ]
    return problems


def find_invented(objects: Mapping[str, bool], extra: Mapping[str, asyncpg.Record]) -> list[str]:
    """Rows of objects that no sender ever told of. Inline documents are numbered by the run, c-0000001 and so on."""
    return [
        f"event {event_id} tells of {row['object_id']}, which nobody has"
        for event_id, row in extra.items()
        if row["object_id"] not in objects and not row["object_id"].startswith("c-")
    ]


def find_wrongly_dead(objects: Mapping[str, bool], ledger: Ledger) -> list[str]:
    """Dead without a fault of their own (I8). The only fault in these runs: a change of somebody who is deleted, told
    of while the call with the deletion, which a trigger never repeats, met a receiver or a Valkey that was down."""
    return [
        f"{row['kind']} {row['object_id']} is dead: {row['reason']}"
        for rows in ledger.values()
        for row in rows.values()
        if row["outcome"] == "dead" and not (row["reason"] == "not_found" and objects.get(row["object_id"]))
    ]


async def find_false_alarms(stack: Stack) -> list[str]:
    """No kill costs Valkey its memory: whoever says so has been taken in by an outage."""
    connection = await asyncpg.connect(stack.database_urls["postgres"])
    try:
        marks = await connection.fetchval("SELECT count(*) FROM gaps WHERE reason = 'queue_memory_lost'")
    finally:
        await connection.close()
    return [f"{marks} gaps are marked for a loss of memory that never was"] if marks else []


async def _find_wrong_rows(stack: Stack, traffic: Traffic) -> list[str]:
    balance = Balance()
    async with await Database.open(stack.settings("web"), application_name="acequia kill test") as database:
        await check_rows(stack, database, traffic.sandbox, traffic.run_id, balance)
    return balance.wrong_rows if balance.rows_checked else ["no row could be checked"]
