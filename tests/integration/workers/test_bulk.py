"""Operations on many dead letters beside drains: nothing is replayed twice or forgotten, also by workers that die."""

import asyncio
import signal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.core.queue import Queue
from app.services.customer_room import DEAD_LETTER_PURPOSE
from db.bulk_operations import BulkRow, NewBulk, cancel_operation, find_operation, insert_operation
from db.dead_groups import Choice
from schemas.events import encode_event
from tests.integration.workers.processes import start_worker
from tests.integration.workers.works import ACME, GLOBEX, VTEX, Works, until

LETTERS = 2_000
LEASE_MS = 2_000
# Steps of a test's size: several are in the way of each kill.
SETTINGS: dict[str, Any] = {
    "bulk_letters_per_step": 100,
    "bulk_queue_events_max": 200,
    "bulk_poll_s": 0.05,
    "lease_ms": LEASE_MS,
}


async def bury(works: Works, letters: int, tenant_id: int = ACME) -> None:
    """Dead letters that point at orders which are in order by now."""
    orders = [await works.change_order(tenant_id=tenant_id) for _ in range(5)]
    keys = await works.keys_of(tenant_id)
    rows = []
    for n in range(letters):
        event = works.hint(orders[n % len(orders)], tenant_id)
        body = keys.seal(DEAD_LETTER_PURPOSE, event.event_id, encode_event(event))
        rows.append((tenant_id, UUID(event.event_id), VTEX, event.object_id, body))
    await works.superuser.executemany(
        "INSERT INTO dead_letters (tenant_id, event_id, received_on, integration_id, kind, object_id, reason, field,"
        " sealed_body, attempts) VALUES ($1, $2, current_date, $3, 'order', $4, 'unmappable', 'value', $5, 1)",
        rows,
    )


async def start(works: Works, letters: int, tenant_id: int = ACME) -> UUID:
    async with works.office.tenant_tx(tenant_id, "test") as connection:
        new = NewBulk("replay", Choice(reason="unmappable"), letters, is_at_least=False)
        return await insert_operation(connection, tenant_id, new, ("cli", "test", None))


async def look(works: Works, operation_id: UUID, tenant_id: int = ACME) -> BulkRow:
    async with works.office.tenant_tx(tenant_id, "test") as connection:
        found = await find_operation(connection, tenant_id, operation_id)
    assert found is not None
    return found


async def count_letters(works: Works, status: str, tenant_id: int = ACME) -> int:
    return int(
        await works.superuser.fetchval(
            "SELECT count(*) FROM dead_letters WHERE tenant_id = $1 AND status = $2", tenant_id, status
        )
    )


async def read_accepted(works: Works, tenant_id: int = ACME) -> int:
    return int(await works.redis.hget("accepted", str(tenant_id)) or 0)  # type: ignore[misc]


@pytest.mark.kill
async def test_a_replay_of_many_whose_workers_are_killed_replays_each_letter_once(works: Works, tmp_path: Path) -> None:
    await bury(works, LETTERS)
    await bury(works, 3, GLOBEX)
    operation_id = await start(works, LETTERS)
    kills = 0
    while (await look(works, operation_id)).status == "running":
        before = (await look(works, operation_id)).done
        async with start_worker(works, tmp_path, **SETTINGS) as process:

            async def goes_on(before: int = before) -> bool:
                row = await look(works, operation_id)
                return row.status != "running" or row.done >= before + 300

            await until(goes_on, 60)
            if kills < 4:
                process.send_signal(signal.SIGKILL)
                await process.wait()
                kills += 1
            else:
                await until(lambda: _is_settled(works), 60)
    assert kills == 4
    async with start_worker(works, tmp_path, **SETTINGS):
        await until(lambda: _is_settled(works), 60)
        await works.wait_for_rest(timeout_s=30)
    ended = await look(works, operation_id)
    assert (ended.status, ended.done, ended.failed) == ("done", LETTERS, 0)
    tied = await works.superuser.fetch("SELECT replay_event_id::text FROM dead_letters WHERE tenant_id = $1", ACME)
    ledger = await works.read_ledger()
    assert len({row[0] for row in tied}) == LETTERS
    assert ledger.keys() == {row[0] for row in tied}, "one row of each letter's one fresh event, and no other"
    assert await count_letters(works, "waiting", GLOBEX) == 3


async def _is_settled(works: Works) -> bool:
    return await count_letters(works, "replayed") == LETTERS


async def test_live_events_wait_behind_no_more_replays_than_may_wait(works: Works, tmp_path: Path) -> None:
    """While nobody drains, an operation fills the queue up to its room and goes on when there is more."""
    await bury(works, 300)
    queue = Queue(works.redis)
    await queue.pause(ACME)
    await queue.close()
    operation_id = await start(works, 300)
    async with start_worker(works, tmp_path, **SETTINGS):

        async def waits() -> bool:
            return (await look(works, operation_id)).waits_for == "queue"

        await until(waits, 20)
        await asyncio.sleep(1.0)  # as long as it likes: the figure must not grow
        assert await read_accepted(works) == SETTINGS["bulk_queue_events_max"]


async def test_a_cancelled_replay_stops_and_what_it_began_is_settled(works: Works, tmp_path: Path) -> None:
    await bury(works, LETTERS)
    operation_id = await start(works, LETTERS)
    async with start_worker(works, tmp_path, **SETTINGS):

        async def has_begun() -> bool:
            return (await look(works, operation_id)).done > 0

        await until(has_begun, 30)
        async with works.office.tenant_tx(ACME, "test") as connection:
            assert await cancel_operation(connection, ACME, operation_id)
        at_cancel = (await look(works, operation_id)).done

        async def has_ended() -> bool:
            return (await look(works, operation_id)).status == "cancelled"

        await until(has_ended, 10)
        done = (await look(works, operation_id)).done
        assert done <= at_cancel + SETTINGS["bulk_letters_per_step"]

        async def is_settled() -> bool:
            return await count_letters(works, "replayed") == done

        await until(is_settled, 30)
    assert await count_letters(works, "waiting") == LETTERS - done
