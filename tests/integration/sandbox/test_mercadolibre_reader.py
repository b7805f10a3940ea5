"""What syncs list MercadoLibre with: every order of a window, cancelled ones too, however hours are cut."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from app.connectors.listing import Access, Page, Position, Span, StreamReader
from app.connectors.mercadolibre import order_reader
from app.connectors.mercadolibre.mapping import map_order
from app.connectors.mercadolibre.order_list import Window
from app.connectors.mercadolibre.order_reader import OrderReader
from schemas.held_state import HeldState
from tests.integration.sandbox.test_mercadolibre import ORDER, Meli

NOW = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)
ACCESS = Access("1", "", {})


def make_orders(count: int, days: float = 300) -> dict[str, dict[str, Any]]:
    """Spread over the days before NOW; one in five is cancelled; some changed long after."""
    chance = random.Random(7)
    orders = {}
    for number in range(count):
        created = NOW - timedelta(seconds=chance.uniform(0, days * 86_400))
        changed = created + (NOW - created) * chance.choice([0, 0.1, 0.99])
        orders[str(10_000 + number)] = ORDER | {
            "id": 10_000 + number,
            "status": "cancelled" if number % 5 == 0 else "paid",
            "date_created": created.isoformat(timespec="milliseconds"),
            "date_closed": created.isoformat(timespec="milliseconds"),
            "last_updated": changed.isoformat(timespec="milliseconds"),
            "date_last_updated": changed.isoformat(timespec="milliseconds"),
        }
    return orders


@pytest.fixture
async def meli(sandbox_process: str) -> AsyncIterator[Meli]:
    async with aiohttp.ClientSession() as session:
        meli = Meli(sandbox_process, session)
        yield meli
        await meli.outbound.aclose()


def make_reader(meli: Meli) -> StreamReader:
    return OrderReader(meli.client, lambda _: meli.seller)


async def read_all(reader: StreamReader, positions: list[Position]) -> tuple[dict[str, Any], list[Page]]:
    """Documents by id, and every page."""
    found: dict[str, Any] = {}
    pages = []
    while positions:
        page = await reader.read(ACCESS, positions.pop(0))
        pages.append(page)
        positions = [*page.then, *positions]
        found |= {one.external_id: one.document for one in page.listings}
    return found, pages


def make_span(**fields: Any) -> Span:
    values: dict[str, Any] = {"kind": "full", "oldest": NOW - timedelta(days=800), "now": NOW} | fields
    return Span(**values)


@pytest.mark.parametrize("rows_max", [10_000, 60])
async def test_a_full_listing_has_every_order_cancelled_or_not(
    meli: Meli, monkeypatch: pytest.MonkeyPatch, rows_max: int
) -> None:
    monkeypatch.setattr(order_reader, "ROWS_MAX", rows_max)
    orders = make_orders(230)
    await meli.put(orders=orders)
    reader = make_reader(meli)
    found, pages = await read_all(reader, reader.plan(make_span()))
    assert found == orders
    assert sum(page.found or 0 for page in pages) == len(orders)
    assert not any(page.is_incomplete for page in pages)


async def test_an_incremental_one_has_whatever_changed_since(meli: Meli) -> None:
    orders = make_orders(200)
    await meli.put(orders=orders)
    reader = make_reader(meli)
    since = NOW - timedelta(days=3)
    found, _ = await read_all(reader, reader.plan(make_span(kind="incremental", since=since)))
    changed = {name for name, one in orders.items() if datetime.fromisoformat(one["last_updated"]) >= since}
    assert changed <= set(found)
    assert len(found) < len(orders)
    assert {orders[name]["status"] for name in found} == {"paid", "cancelled"}


async def test_a_day_is_listed_by_its_creations_alone(meli: Meli) -> None:
    orders = make_orders(120, days=3)
    await meli.put(orders=orders)
    start, end = NOW - timedelta(days=2), NOW - timedelta(days=1)
    window = await make_reader(meli).read_window(ACCESS, start, end)
    within = {name for name, one in orders.items() if start <= datetime.fromisoformat(one["date_created"]) < end}
    assert window.listings is not None
    assert {one.external_id for one in window.listings} == within
    assert window.is_complete
    assert len(within) > 20


async def test_a_window_with_too_much_is_halved_or_said_to_be_incomplete(
    meli: Meli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_reader, "ROWS_MAX", 50)
    await meli.put(orders=make_orders(120, days=0.01))
    reader = make_reader(meli)
    assert (await reader.read_window(ACCESS, NOW - timedelta(days=1), NOW)).listings is None
    smallest = await reader.read_window(ACCESS, NOW - timedelta(minutes=30), NOW)
    assert not smallest.is_complete
    _, pages = await read_all(reader, reader.plan(make_span()))
    assert any(page.is_incomplete for page in pages)


async def test_a_row_shows_what_is_held_of_it(meli: Meli) -> None:
    await meli.put(orders=make_orders(3))
    reader = make_reader(meli)
    page = await reader.read(ACCESS, reader.plan(make_span())[0])
    for listing in page.listings:
        record = map_order(listing.document)
        held = HeldState(
            record.external_id, NOW, NOW, False, record.source_created_at, record.status, record.status_class,
            record.total_minor,
        )  # fmt: skip
        assert reader.describe_held(held) == listing.fingerprint
        assert reader.describe_held(held._replace(status="other")) != listing.fingerprint
        assert record.missing == ("shipping_minor", "shipping_address"), "what a list does not tell stays known"


async def test_rows_that_moved_up_while_pages_were_read_are_read_again(meli: Meli) -> None:
    orders = list(make_orders(120).values())
    await meli.put()
    pages = [(orders[:50], 120), (orders[53:103], 117), (orders[50:100], 117), (orders[100:], 117)]
    await meli.tell("search", *[{"body": {"results": rows, "paging": {"total": total}}} for rows, total in pages])
    reader = make_reader(meli)
    position, offsets, found = reader.plan(make_span())[0], [], set()
    while True:
        offsets.append(position["offset"])
        page = await reader.read(ACCESS, position)
        found |= {one.external_id for one in page.listings}
        if not page.then:
            break
        [position] = page.then
    assert offsets == [0, 50, 47, 97]
    assert found == {str(one["id"]) for one in orders}


async def test_rows_without_an_id_are_counted(meli: Meli) -> None:
    await meli.put()
    rows = [ORDER, {"id": "x@y.z"}, None, {**ORDER, "id": 5, "total_amount": "x"}]
    await meli.tell("search", {"body": {"results": rows, "paging": {"total": 4}}})
    reader = make_reader(meli)
    page = await reader.read(ACCESS, reader.plan(make_span())[0])
    assert ([one.external_id for one in page.listings], page.unnamed) == ([str(ORDER["id"]), "5"], 2)
    assert page.listings[1].fingerprint == "?"


def test_halves_meet_on_the_hour() -> None:
    window = Window("date_created", None, NOW - timedelta(days=3), NOW)
    first, second = window.halve()
    assert first.end == second.start
    assert (first.end.minute, first.end.second) == (0, 0)
    assert (first.start, second.end) == (window.start, window.end)
    while window.can_be_halved:
        window = window.halve()[1]
    assert window.end - window.start < timedelta(hours=2)
