"""Drain loops as simple as the protocol allows, over the real scripts, for tests that crash, delay and fail them."""

from dataclasses import dataclass, field

from redis.asyncio import Redis

from app.core.queue import Claim, Deferral, Entry, Queue
from tests.integration.queue.house import ids, keys, read_kept

READS_MAX = 4
TRIES_MAX = 3


@dataclass
class Books:
    """What is outside the queue: what was acknowledged, and the ledger, which knows an event by its own id."""

    acknowledged: set[str] = field(default_factory=set)
    ledger: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    failing: dict[str, int] = field(default_factory=dict)
    poison: set[str] = field(default_factory=set)

    def commit(self, outcomes: dict[str, str]) -> None:
        """INSERT … ON CONFLICT DO NOTHING: the first row of an event stays its only one."""
        for event, outcome in outcomes.items():
            if event not in self.ledger:
                self.ledger[event] = outcome
                self.rows += 1


@dataclass
class Drain:
    """One loop's memory. A crash is forgetting it."""

    queue: Queue
    books: Books
    turn: Claim | None = None
    hand: list[Entry] = field(default_factory=list)
    committed: list[Entry] = field(default_factory=list)
    after: str | None = None
    is_committed: bool = False
    is_at_end: bool = False

    async def claim(self) -> None:
        if self.turn is None:
            self.crash()
            self.turn = await self.queue.claim()

    async def read(self, limit: int, *, alone: bool) -> None:
        """Read on behind what is in hand; on `lost` give back what is not committed and stop."""
        if self.turn is None:
            return
        holds_parked = any(entry.entry_id is None for entry in self.hand + self.committed)
        read = await self.queue.read(
            self.turn, limit, alone=alone and not self.hand, after=self.after, with_retries=not holds_parked
        )
        if read.status == "lost":
            await self.stop()
        else:
            self.after = read.last_entry_id
            self.hand += read.entries
            self.is_committed = False
            self.is_at_end = not read.entries

    @property
    def is_killed_by_its_batch(self) -> bool:
        return any(entry.event_id in self.books.poison and entry.reads <= READS_MAX for entry in self.hand)

    def commit(self) -> None:
        """The batch's transaction: what can be written is; failures of their own stay in hand for `defer`."""
        outcomes, kept, done = {}, [], []
        for entry in self.hand:
            if entry.reads > READS_MAX:
                outcomes[entry.event_id] = "dead"
            elif self.books.failing.get(entry.event_id, 0) > 0:
                if entry.tries + 1 < TRIES_MAX:
                    kept.append(entry)
                    continue
                outcomes[entry.event_id] = "dead"
            else:
                outcomes[entry.event_id] = "applied"
            done.append(entry)
        self.books.commit(outcomes)
        self.committed += done
        self.hand = kept
        self.is_committed = True

    async def settle(self) -> None:
        if self.turn is not None and self.committed:
            await self.queue.settle(self.turn.tenant_id, keys(self.committed))
            self.committed = []

    async def defer(self, delay_ms: int) -> None:
        if self.turn is None or not self.hand:
            return
        for entry in self.hand:
            if self.books.failing.get(entry.event_id, 0) > 0:
                self.books.failing[entry.event_id] -= 1
        items = [Deferral(entry.event_id, entry.entry_id, delay_ms) for entry in self.hand]
        if await self.queue.defer(self.turn, items):
            self.hand = []
        else:
            await self.stop()

    async def stop(self, hold_ms: int = 0) -> None:
        """Finish in order: settle what is committed, refund the rest."""
        if self.turn is None:
            return
        await self.settle()
        await self.queue.finish(self.turn, hold_ms, ids(self.hand))
        self.crash()

    def crash(self) -> None:
        self.turn, self.hand, self.committed, self.after = None, [], [], None
        self.is_committed = self.is_at_end = False


async def find_losses(redis: Redis, books: Books, tenants: list[int]) -> set[str]:
    """I1: acknowledged events that are neither in the ledger nor in the queue."""
    kept = [await read_kept(redis, tenant) for tenant in tenants]
    return books.acknowledged - set(books.ledger) - {event for one in kept for event in [*one.stream, *one.parked]}
