"""Any order of appends, turns, failures, lost leases and crashes, over the real scripts (I1 to I4, I8, I11).

Hypothesis chooses the schedule; a planted fault in the scripts must be found by the same machine.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis.asyncio import Redis

from app.core.queue import AppendBatch, Claim, Confirm, NewEntry, Queue, QueueLimits
from schemas.ids import make_uuid7
from scripts.stack.valkey import EmbeddedValkey
from tests.integration.queue.drains import READS_MAX, Books, Drain, find_losses
from tests.integration.queue.house import (
    ACME,
    GLOBEX,
    check_house,
    command,
    end_lease,
    end_waits,
    ids,
    plant,
    read_kept,
)

T = TypeVar("T")
TENANTS = [ACME, GLOBEX]
SCHEDULES, STEPS = 50, 40

loops = st.integers(0, 2)
tenants = st.sampled_from(TENANTS)


class Schedules(RuleBasedStateMachine):
    """Three drain loops over two tenants on a real server."""

    url: ClassVar[str] = ""
    planted: ClassVar[tuple[str, str, str] | None] = None

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.redis = Redis.from_url(self.url)
        self.queue = Queue(self.redis, limits=QueueLimits(batch_events=9))
        self.books = Books()
        self.drains = [Drain(self.queue, self.books) for _ in range(3)]
        self.deaths: dict[str, int] = {}
        self.paused: set[int] = set()
        self.moved: set[int] = set()

    def run(self, work: Awaitable[T]) -> T:
        return self.loop.run_until_complete(work)

    @initialize()
    def begin(self) -> None:
        self.run(self.redis.flushall())
        if self.planted is not None:
            plant(self.queue, *self.planted)
        self.run(self.queue.load())

    @rule(
        tenant=tenants,
        kinds=st.lists(st.sampled_from(["good", "good", "fails", "poison"]), min_size=1, max_size=4),
    )
    def append(self, tenant: int, kinds: list[str]) -> None:
        entries = [NewEntry(make_uuid7(), b"{}") for _ in kinds]
        for entry, kind in zip(entries, kinds, strict=True):
            if kind == "fails":
                self.books.failing[entry.event_id] = 9
            elif kind == "poison":
                self.books.poison.add(entry.event_id)
        self.run(self.queue.append([AppendBatch(tenant, "normal", entries)], confirm=Confirm()))
        self.books.acknowledged |= {entry.event_id for entry in entries}

    @rule(tenant=tenants)
    def append_again(self, tenant: int) -> None:
        """A replay, or a sender whose answer was lost: an id that the queue or the ledger knows."""
        kept = self.run(read_kept(self.redis, tenant))
        for event in [*kept.stream, *kept.parked][:1]:
            self.run(self.queue.append([AppendBatch(tenant, "low", [NewEntry(event, b"{}")])], confirm=None))

    def advance(self, number: int, limit: int = 9, delay_ms: int = 60_000) -> None:
        """The next thing that this loop would do by itself."""
        drain = self.drains[number]
        if drain.turn is None:
            self.run(drain.claim())
        elif drain.committed:
            self.run(drain.settle())
        elif drain.hand and drain.is_committed:
            self.run(drain.defer(delay_ms))
        elif drain.hand:
            self.commit(drain)
        elif drain.is_at_end:
            self.run(drain.stop())
        else:
            self.run(drain.read(limit, alone=True))
            if drain.is_killed_by_its_batch:
                self.crash(number)

    # Three times the same rule: schedules in which loops get somewhere find more than schedules of interruptions.
    @rule(limit=st.integers(1, 9))
    def advance_first(self, limit: int) -> None:
        self.advance(0, limit)

    @rule(delay_ms=st.sampled_from([0, 60_000]))
    def advance_second(self, delay_ms: int) -> None:
        self.advance(1, delay_ms=delay_ms)

    @rule(number=loops, times=st.integers(1, 9))
    def advance_any(self, number: int, times: int) -> None:
        for _ in range(2 * times):  # a whole slice, from claim to finish, is seven
            self.advance(number)
            self.nothing_is_lost()

    @rule(number=loops, limit=st.integers(1, 9), alone=st.booleans())
    def read_on(self, number: int, limit: int, alone: bool) -> None:
        """Read while something is in hand, or when the process is not quiet."""
        drain = self.drains[number]
        self.run(drain.read(limit, alone=alone))
        if drain.is_killed_by_its_batch:
            self.crash(number)

    def commit(self, drain: Drain) -> None:
        buried = {event for event, outcome in self.books.ledger.items() if outcome == "dead"}
        drain.commit()
        for event, outcome in self.books.ledger.items():
            if outcome == "dead" and event not in buried and event not in self.books.failing:
                others = sum(event in ids(other.hand + other.committed) for other in self.drains)
                assert self.deaths.get(event, 0) + others > READS_MAX, "a good event was buried on too little suspicion"

    @precondition(lambda self: any(drain.turn is not None for drain in self.drains))
    @rule(number=loops, hold_ms=st.sampled_from([30_000, 0]))
    def finish_early(self, number: int, hold_ms: int) -> None:
        """The slice is over, or the surroundings failed: give back what is in hand."""
        at_work = [drain for drain in self.drains if drain.turn is not None]
        self.run(at_work[number % len(at_work)].stop(hold_ms))

    @precondition(lambda self: any(drain.turn is not None for drain in self.drains))
    @rule(number=loops)
    def crash(self, number: int) -> None:
        drain = self.drains[number]
        for event in ids(drain.hand + drain.committed):
            self.deaths[event] = self.deaths.get(event, 0) + 1
        turn = drain.turn
        drain.crash()
        if turn is not None:
            self.run(self.end_lease_of(turn))

    async def end_lease_of(self, turn: Claim) -> None:
        run = await command(self.redis, "HGET", "runs", turn.tenant_id)
        if run == turn.run_id.encode():
            await end_lease(self.redis, turn.tenant_id)

    @rule(tenant=tenants)
    def lease_runs_out(self, tenant: int) -> None:
        self.run(end_lease(self.redis, tenant))
        self.run(self.queue.sweep(10))

    @rule(tenant=tenants)
    def time_passes(self, tenant: int) -> None:
        self.run(end_waits(self.redis, tenant))

    @rule()
    def sweep(self) -> None:
        self.run(self.queue.sweep(10))

    @rule(tenant=tenants, verb=st.sampled_from(["pause", "resume", "resume", "move", "move back"]))
    def operate(self, tenant: int, verb: str) -> None:
        if verb == "pause":
            self.run(self.queue.pause(tenant))
            self.paused.add(tenant)
        elif verb == "resume":
            self.run(self.queue.resume(tenant))
            self.paused.discard(tenant)
        else:
            self.run(self.queue.move(tenant, "shared" if verb == "move back" else "own"))
            (self.moved.discard if verb == "move back" else self.moved.add)(tenant)

    @invariant()
    def nothing_is_lost(self) -> None:
        losses = self.run(find_losses(self.redis, self.books, TENANTS))
        assert not losses, f"I1: {losses}"
        assert self.books.rows == len(self.books.ledger)

    @invariant()
    def the_house_is_in_order(self) -> None:
        for tenant in TENANTS:
            self.run(check_house(self.redis, tenant))

    @invariant()
    def reads_are_suspicions_that_somebody_caused(self) -> None:
        for tenant in TENANTS:
            for event, reads in self.run(read_kept(self.redis, tenant)).reads.items():
                held = sum(ids(drain.hand + drain.committed).count(event) for drain in self.drains)
                assert reads <= self.deaths.get(event, 0) + held, f"{event} was read {reads} times"

    def teardown(self) -> None:
        try:
            if self.planted is None or self.books.acknowledged:
                self.run(self.come_to_rest())
        finally:
            self.run(self.queue.close())
            self.run(self.redis.aclose())
            self.loop.close()

    async def come_to_rest(self) -> None:
        """I11: from wherever the schedule ended, a path without faults settles everything and leaves nothing behind."""
        for drain in self.drains:
            turn = drain.turn
            drain.crash()
            if turn is not None:
                await self.end_lease_of(turn)
        for tenant in sorted(self.paused):
            await self.queue.resume(tenant)
        for tenant in sorted(self.moved):
            await self.queue.move(tenant, "shared")
        self.books.poison.clear()
        drain = self.drains[0]
        for _ in range(300):
            for tenant in TENANTS:
                await end_waits(self.redis, tenant)
            await self.queue.sweep(10)
            await drain.claim()
            if drain.turn is None:
                break
            await drain.read(9, alone=True)
            drain.commit()
            await drain.settle()
            await drain.defer(0)
            await drain.stop()
        assert set(self.books.ledger) >= self.books.acknowledged, "I11: stranded"
        for tenant in TENANTS:
            assert await read_kept(self.redis, tenant) == ([], set(), set(), {}, {}), "I5: something was left behind"
        for key in ("leased", "due", "ready:shared", "ready:own"):
            assert await self.redis.zcard(key) == 0, f"I5: {key} is not empty"
        assert await command(self.redis, "HLEN", "runs") == 0


def search(url: str, planted: tuple[str, str, str] | None, schedules: int, phases: tuple[Phase, ...]) -> None:
    kind: Any = type("Schedules", (Schedules,), {"url": url, "planted": planted})
    run_state_machine_as_test(
        kind,
        settings=settings(
            max_examples=schedules,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            database=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_no_schedule_loses_doubles_strands_or_buries_an_event(valkey: EmbeddedValkey) -> None:
    search(valkey.url, None, SCHEDULES, (Phase.generate, Phase.shrink))


@pytest.mark.parametrize(
    "planted",
    [
        pytest.param(("append", "look(id, tonumber(ARGV[3]))", ""), id="append without ringing"),
        pytest.param(("claim", "call('ZADD', 'leased', now + LEASE_MS, id)", ""), id="claim without lease"),
        pytest.param(("finish", "look(id, 0)", ""), id="finish without a look"),
        pytest.param(("finish", "call('ZADD', 'due', hold, id)", ""), id="hold listed nowhere"),
        pytest.param(("finish", "elseif at then", "elseif false then"), id="finish forgets later retries"),
        pytest.param(("finish", "uncount(key_of(id, 'reads'), refunded)", ""), id="no refund"),
        pytest.param(("defer", "call('HSET', key_of(id, 'parked'), event, body)", ""), id="deferred without its body"),
        pytest.param(("defer", "call('HDEL', key_of(id, 'reads'), event)", ""), id="deferred and still suspected"),
        pytest.param(("settle", "remove('HDEL', 'reads')", ""), id="settled and still counted"),
        pytest.param(("settle", "remove('HDEL', 'parked')", ""), id="settled and still parked"),
        pytest.param(("sweep", "look_at('leased', '-inf', now)", ""), id="no sweep of leases"),
        pytest.param(("place", "look(id, NEW_AHEAD_MS)", ""), id="resumed without a look"),
    ],
)
def test_a_planted_fault_is_found(valkey: EmbeddedValkey, planted: tuple[str, str, str]) -> None:
    with pytest.raises((AssertionError, BaseExceptionGroup)):
        search(valkey.url, planted, 10 * SCHEDULES, (Phase.generate,))  # it ends at the first that is found
