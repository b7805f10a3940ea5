"""Looking into a live queue from outside: where tenants stand, what is kept of an event, and what time does."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from redis.asyncio import Redis

from app.core.queue import AheadClass, AppendBatch, Claim, Confirm, Entry, NewEntry, Queue
from app.core.queue_lua import Script
from app.core.queue_runner import send_command
from schemas.ids import make_uuid7

ACME, GLOBEX = 56, 57
PAST = 1


class Kept(NamedTuple):
    """What the server keeps of one tenant."""

    stream: list[str]
    parked: set[str]
    retry: set[str]
    reads: dict[str, int]
    tries: dict[str, int]


async def append(queue: Queue, tenant: int, count: int = 1, ahead: AheadClass = "normal") -> list[str]:
    """Append `count` fresh events; their ids."""
    entries = [NewEntry(make_uuid7(), b"{}") for _ in range(count)]
    assert await queue.append([AppendBatch(tenant, ahead, entries)], confirm=Confirm()) == ["ok"]
    return [entry.event_id for entry in entries]


async def claim(queue: Queue) -> Claim:
    """The next turn, which must exist."""
    turn = await queue.claim()
    assert turn is not None
    return turn


def keys(entries: Sequence[Entry]) -> list[tuple[str, str | None]]:
    return [(entry.event_id, entry.entry_id) for entry in entries]


def ids(entries: Sequence[Entry]) -> list[str]:
    return [entry.event_id for entry in entries]


async def command(redis: Redis, *words: str | bytes | int | float) -> Any:
    return await send_command(redis, *words)


async def read_kept(redis: Redis, tenant: int) -> Kept:
    pipeline = redis.pipeline()
    for words in (
        ("XRANGE", "events", "-", "+"),
        ("HKEYS", "parked"),
        ("ZRANGE", "retry", 0, -1),
        ("HGETALL", "reads"),
        ("HGETALL", "tries"),
    ):
        pipeline.execute_command(words[0], f"t:{tenant}:{words[1]}", *words[2:])
    stream, parked, retry, reads, tries = await pipeline.execute()
    return Kept(
        [fields[b"e"].decode() for _, fields in stream],
        {event.decode() for event in parked},
        {event.decode() for event in retry},
        {event.decode(): int(count) for event, count in reads.items()},
        {event.decode(): int(count) for event, count in tries.items()},
    )


async def read_places(redis: Redis, tenant: int) -> list[str]:
    """Every set in which the tenant stands (`ready:` with its group); the rule of the house allows one."""
    zsets = [key.decode() async for key in redis.scan_iter("ready:*")] + ["leased", "due"]
    places = [name for name in zsets if await redis.zscore(name, str(tenant)) is not None]
    if not places and await command(redis, "SISMEMBER", "paused", tenant):
        places.append("paused")
    return places


async def check_house(redis: Redis, tenant: int) -> None:
    """I4, and that what is kept of events belongs together. Raises AssertionError."""
    kept = await read_kept(redis, tenant)
    places = await read_places(redis, tenant)
    if kept.stream or kept.retry:
        assert len(places) == 1, f"tenant {tenant} has work and stands in {places}"
    assert len(places) <= 1, f"tenant {tenant} stands in {places}"
    assert kept.parked == kept.retry, "an event is parked exactly when it has a time"
    present = set(kept.stream) | kept.parked
    assert set(kept.reads) <= present, "a read count outlived its event"
    assert set(kept.tries) <= present, "a count of tries outlived its event"
    has_lease = "leased" in places
    assert bool(await command(redis, "HEXISTS", "runs", tenant)) == has_lease, "runs and leased differ"


async def end_lease(redis: Redis, tenant: int) -> None:
    """The lease runs out: its drain is dead, slow or paused."""
    await redis.zadd("leased", {str(tenant): PAST}, xx=True)


async def end_waits(redis: Redis, tenant: int) -> None:
    """The hold and all back-offs of this tenant are over; nobody has looked yet."""
    for event in (await read_kept(redis, tenant)).retry:
        await redis.zadd(f"t:{tenant}:retry", {event: PAST}, xx=True)
    if await command(redis, "HEXISTS", "hold", tenant):
        await command(redis, "HSET", "hold", tenant, PAST)
    await redis.zadd("due", {str(tenant): PAST}, xx=True)


async def read_now_ms(redis: Redis) -> int:
    seconds, microseconds = await redis.time()
    return int(seconds) * 1_000 + int(microseconds) // 1_000


async def spread(redis: Redis, shift_ms: int) -> None:
    """Write every time in the queue as if the server's clock had been `shift_ms` ahead until now, then stepped back."""
    for pattern in ("ready:*", "leased", "due", "t:*:retry"):
        async for key in redis.scan_iter(pattern):
            for member, score in await redis.zrange(key, 0, -1, withscores=True):
                await redis.zadd(key, {member: score + shift_ms})
    for tenant, until in (await command(redis, "HGETALL", "hold")).items():
        await command(redis, "HSET", "hold", tenant, int(until) + shift_ms)
    for key, factor in (("clock", 1), ("observed", 1_000)):
        value = await redis.get(key)
        await redis.set(key, int(value or 0) + shift_ms * factor)


def plant(queue: Queue, script: str, old: str, new: str) -> None:
    """Switch a protection off: this queue's `script` from its next load on has `new` in the place of `old`."""
    scripts = queue._scripts._scripts
    assert old in scripts[script].source, f"{script} does not contain what is to be taken out"
    scripts[script] = Script.of(scripts[script].source.replace(old, new))
