"""Records as an incremental feed: nothing is missed, whatever commits when, and deletions come too."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import httpx
import pytest

from app.services import record_feed
from app.services.apply import Observation, reduce_observations
from app.services.sealed_rows import Sealer
from app.services.upsert import CUSTOMERS, upsert
from db.pool import Database
from schemas.records import CustomerRecord
from tests.integration.api.conftest import ACME, Cast, read
from tests.integration.api.stock import T0, list_ids, make_customer, make_order, store, walk

FEED, ORDERS = f"/tenants/{ACME}/customers", f"/tenants/{ACME}/orders"


@asynccontextmanager
async def write_slowly(cast: Cast, worker: Database, external_id: str) -> AsyncIterator[None]:
    """A customer written in a transaction that has begun before the block and commits after it."""
    keys = await cast.office.keyring.keys_of(ACME)
    observation = Observation("vtex", "store", make_customer(external_id), 1, T0)
    customers = reduce_observations(keys, [observation]).customers
    async with worker.tenant_tx(ACME, "test") as connection:
        await upsert(connection, Sealer(keys, "AR"), CUSTOMERS, customers)
        yield


async def poll(client: httpx.AsyncClient, since: str | None, limit: int = 2) -> tuple[list[str], str]:
    """What a whole walk delivers, and where the next one begins."""
    pages = await walk(client, FEED, limit=limit, **({"updated_since": since} if since else {}))
    return list_ids(pages), pages[-1]["next_updated_since"]


async def test_what_commits_late_is_delivered_by_the_next_poll(cast: Cast, database: Database) -> None:
    async with cast.client(ACME) as client:
        async with write_slowly(cast, database, "slow"):
            await store(cast.office, database, ACME, *(make_customer(f"fast-{number}") for number in range(5)))
            first, since = await poll(client, None)
        second, _ = await poll(client, since)
    assert sorted(first) == [f"fast-{number}" for number in range(5)]
    assert "slow" in second


async def test_without_the_margin_what_commits_late_would_be_missed(
    cast: Cast, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_feed, "FEED_MARGIN_S", 0)
    async with cast.client(ACME) as client:
        async with write_slowly(cast, database, "slow"):
            first, since = await poll(client, None)
        second, _ = await poll(client, since)
    assert first + second == []


async def test_a_poller_beside_many_writers_sees_every_row(
    cast: Cast, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Margin and slowness are both made small, in the same proportion: a transaction here takes at most 0.4 s."""
    monkeypatch.setattr(record_feed, "FEED_MARGIN_S", 1.0)
    dice = random.Random(7)
    holds = {f"{writer}-{number}": dice.uniform(0, 0.4) for writer in range(4) for number in range(12)}

    async def write(writer: int) -> None:
        for number in range(12):
            external_id = f"{writer}-{number}"
            async with write_slowly(cast, database, external_id):
                await asyncio.sleep(holds[external_id])  # the commit is late by this much: that is what is tested

    delivered: list[str] = []
    since: str | None = None
    async with cast.client(ACME) as client, asyncio.TaskGroup() as writers:
        tasks = [writers.create_task(write(writer)) for writer in range(4)]
        is_over = False
        while not is_over:
            is_over = all(task.done() for task in tasks)
            found, since = await poll(client, since, limit=3)
            delivered += found
    assert set(delivered) == holds.keys()
    assert len(delivered) < 48 * 48, "each poll delivers what is new, and the margin's worth of what is not"


async def test_deletions_are_part_of_the_feed(cast: Cast, database: Database) -> None:
    await store(cast.office, database, ACME, make_customer("c-1"), make_customer("c-2"), make_order())
    async with cast.client(ACME) as client:
        _, since = await poll(client, None)
        gone = CustomerRecord(external_id="c-1", source_updated_at=T0.replace(day=2), is_deleted=True)
        await store(cast.office, database, ACME, gone)
        rows = read(await client.get(FEED, params={"updated_since": since}))["data"]
        shown = read(await client.get(f"{FEED}/{rows[-1]['id']}", params={"reveal": True}))["data"]
    assert [(row["external_id"], row["is_deleted"]) for row in rows] == [("c-2", False), ("c-1", True)]
    assert shown["is_deleted"] is True
    assert shown["deleted_at"] is not None
    assert (shown["email"], shown["first_name"], shown["addresses"]) == (None, None, [])


async def test_all_pages_of_a_walk_agree_and_none_goes_beyond_what_it_delivered(
    cast: Cast, database: Database, superuser: Any
) -> None:
    await store(cast.office, database, ACME, *(make_order(f"o-{number}") for number in range(7)))
    # A long history: a row an hour.
    await superuser.execute(
        "UPDATE orders SET updated_at = now() - interval '1 hour' * (8 - right(external_id, 1)::integer)"
    )
    async with cast.client(ACME) as client:
        pages = await walk(client, ORDERS, limit=2)
        statuses = await walk(client, ORDERS, limit=2, status="invoiced")
        none = await walk(client, ORDERS, limit=2, status="canceled")
        late = await walk(client, ORDERS, updated_since=pages[1]["data"][0]["updated_at"])
    assert list_ids(pages) == [f"o-{number}" for number in range(7)] == list_ids(statuses)
    assert list_ids(none) == []
    assert list_ids(late) == [f"o-{number}" for number in range(2, 7)]
    for page in pages[:-1]:
        assert page["next_updated_since"] == page["data"][-1]["updated_at"]
    end = datetime.fromisoformat(pages[-1]["next_updated_since"])
    age_s = (datetime.fromisoformat(none[-1]["next_updated_since"]) - end).total_seconds()
    assert 0 <= age_s < 30


async def test_a_poll_never_answers_an_earlier_time_than_it_was_asked_with(cast: Cast, database: Database) -> None:
    await store(cast.office, database, ACME, make_customer())
    async with cast.client(ACME) as client:
        row = read(await client.get(FEED))["data"][0]
        page = read(await client.get(FEED, params={"updated_since": row["updated_at"]}))
    assert (list_ids([page]), page["next_updated_since"]) == (["c-1"], row["updated_at"])
