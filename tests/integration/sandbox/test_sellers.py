"""The sandbox's living sellers: sales made when they are read, searched, changed and told of as MercadoLibre does."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from app.connectors.contract import Hint
from app.connectors.listing import Access, Position, Span
from app.connectors.mercadolibre.client import Seller
from app.connectors.mercadolibre.mapping import map_order
from app.connectors.mercadolibre.order_reader import OrderReader
from app.connectors.mercadolibre.webhook import parse_notification
from scripts.sandbox.sellers.ways import WAYS, find_way, list_moments
from tests.integration.sandbox.remote import Call, Receiver, accept
from tests.integration.sandbox.test_mercadolibre import Meli

ACCESS = Access("1", "", {})
ONCE = {"tries_max": 1}


class Shop(Meli):
    """A seller with a stock of orders, whose application is told of changes at `callback_url`."""

    async def stock(self, orders: int = 60, *, callback_url: str | None = None, **more: Any) -> None:
        callback = {"url": callback_url, "retries": more.pop("retries", ONCE)} if callback_url else None
        stock = {"orders": orders, **more}
        await self.put(stock=stock, callback=callback, orders={}, shipments={}, billing={})

    async def change(self, **body: Any) -> Any:
        return await self.control("POST", "changes", {"user_id": self.user_id, **body})

    async def show(self, path: str, **query: str | int) -> Any:
        text = "&".join(f"{name}={value}" for name, value in {"user_id": self.user_id, **query}.items())
        return await self.control("GET", f"{path}?{text}")

    async def read_truth(self) -> dict[str, dict[str, Any]]:
        return {row["external_id"]: row for row in (await self.show("fingerprints"))["rows"]}

    async def find_paid(self) -> str:
        return next(name for name, row in (await self.read_truth()).items() if row["status"] == "paid")

    async def search(self, **query: str | int) -> Any:
        return await self.client.search_orders(self.seller, {name: str(value) for name, value in query.items()})

    async def list_all(self, kind: Any = "full", since: datetime | None = None) -> dict[str, Any]:
        reader = OrderReader(self.client, lambda _: self.seller)
        now = datetime.now(UTC)
        positions: list[Position] = list(reader.plan(Span(kind, now - timedelta(days=800), now, since)))
        found: dict[str, Any] = {}
        while positions:
            page = await reader.read(ACCESS, positions.pop(0))
            positions = [*page.then, *positions]
            found |= {one.external_id: map_order(one.document) for one in page.listings}
        return found


@pytest.fixture
async def shop(sandbox_process: str) -> AsyncIterator[Shop]:
    async with aiohttp.ClientSession() as session:
        shop = Shop(sandbox_process, session)
        yield shop
        await shop.outbound.aclose()


def read_hints(shop: Shop, calls: Iterable[Call]) -> list[Hint]:
    found = []
    for call in calls:
        told = parse_notification(call.json, applications=[shop.application.client_id], users=[shop.user_id])
        assert isinstance(told, Hint), told
        found.append(told)
    return found


async def test_a_full_listing_is_the_truth(shop: Shop) -> None:
    await shop.stock(400)
    truth, found = await shop.read_truth(), await shop.list_all()
    assert len(truth) == 400
    assert found.keys() == truth.keys()
    for external_id, record in found.items():
        expected = truth[external_id]
        assert (record.status, record.total_minor) == (expected["status"], expected["total_minor"])
        assert record.source_updated_at == datetime.fromisoformat(expected["source_updated_at"])
        assert record.source_created_at == datetime.fromisoformat(expected["created_at"])
        assert (record.status_class == "canceled") == (expected["is_refunded"] or expected["status"] == "cancelled")
    statuses = {row["status"] for row in truth.values()}
    assert {"paid", "cancelled"} <= statuses
    assert any(row["is_refunded"] for row in truth.values())


async def test_the_same_seed_makes_the_same_sales(shop: Shop) -> None:
    until = datetime.now(UTC).isoformat()
    found = []
    for seed in (7, 7, 8):
        await shop.stock(50, seed=seed, stocked_until=until)
        found.append(await shop.read_truth())
    assert found[0] == found[1] != found[2]


async def test_each_order_is_read_whole_with_what_belongs_to_it(shop: Shop) -> None:
    await shop.stock(80)
    truth = await shop.read_truth()
    records = [map_order(await shop.client.fetch_order(shop.seller, one)) for one in truth]
    buyers = [record.buyer for record in records if record.buyer is not None]
    assert len([buyer for buyer in buyers if buyer.document or buyer.corporate_document]) == 80
    sent = [record for record in records if record.shipping_address is not None]
    assert 50 < len(sent) < 80
    for record in sent:
        stamps = (truth[record.external_id][name] for name in ("source_updated_at", "shipment_updated_at"))
        assert record.source_updated_at == max(map(datetime.fromisoformat, stamps))
    carts: dict[str, list[Any]] = {}
    for record in records:
        carts.setdefault(record.order_group or record.external_id, []).append(record.buyer)
    assert {len(cart) for cart in carts.values()} == {1, 2}
    assert all(cart[0] == cart[-1] for cart in carts.values())


@pytest.mark.parametrize("site_id", ["MLM", "MPE", "MLC", "MEC"])
async def test_billing_is_of_its_site(shop: Shop, site_id: str) -> None:
    await shop.put(stock={"orders": 5}, orders={}, site_id=site_id)
    seller = Seller(shop.application._replace(site_id=site_id), shop.vault)
    [order_id, *_] = await shop.read_truth()
    document = await shop.client.fetch_order(seller, order_id)
    info = document["billing_info"]["buyer"]["billing_info"]
    assert ("cfdi" in info, "email" in info) == (site_id == "MLM", site_id == "MEC")
    assert ("site_id" in document["billing_info"]) == (site_id != "MPE")
    record = map_order(document)
    assert record.buyer is not None
    assert record.total_minor == (await shop.read_truth())[order_id]["total_minor"]


async def test_a_search_has_limits(shop: Shop) -> None:
    await shop.stock(200)
    everything = {"order.date_created.from": "2020-01-01T00:00:00.000-00:00"}
    page = await shop.search(**everything, limit=51, offset=50)
    assert len(page["results"]) == 51
    assert page["paging"]["total"] < 200, "without the cancelled ones"
    assert (await shop.search(limit=5))["results"] == [], "without a filter nothing is listed"
    url = f"{shop.url}/mercadolibre/orders/search"
    tokens = await shop.client.get_tokens(shop.seller)
    headers = {"Authorization": f"Bearer {tokens.access_token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        for wrong in ({"limit": "52"}, {"offset": "10001"}):
            async with session.get(url, params={"seller": shop.user_id, **everything, **wrong}) as answer:
                assert answer.status == 400
    closed = [row["date_closed"] or row["date_created"] for row in page["results"]]
    assert closed == sorted(closed)


async def test_a_change_is_found_by_its_last_update(shop: Shop) -> None:
    await shop.stock(100, stocked_until=(datetime.now(UTC) - timedelta(days=2)).isoformat())
    old = await shop.find_paid()
    before = datetime.now(UTC) - timedelta(hours=1)
    created = (await shop.change(action="create", notices="none"))["object_ids"]
    assert old in (await shop.change(action="cancel", object_id=old, notices="none"))["object_ids"]
    found = await shop.list_all("incremental", before)
    assert {*created, old} <= found.keys()
    assert found[old].status == "cancelled"
    assert len(found) <= len(created) + 2, "those of two days ago are not listed"
    assert (await shop.change(action="cancel", object_id=old, notices="none"))["object_ids"] == []


async def test_every_step_is_told_and_leads_to_its_order(shop: Shop, receiver: Receiver) -> None:
    await shop.stock(0, callback_url=f"{receiver.url}/meli")
    created = await shop.change(action="create")
    order_id = created["object_ids"][0]
    topics = {one["topic"] for one in created["notices"]}
    while moved := (await shop.change(object_id=order_id))["notices"]:
        topics |= {one["topic"] for one in moved}
    assert {"orders_v2", "payments"} <= topics
    hints = read_hints(shop, receiver.calls)
    assert len(hints) >= 3
    found = {(await shop.client.fetch_order(shop.seller, hint.object_id))["id"] for hint in hints}
    assert found == {int(one) for one in created["object_ids"]}
    tally = (await shop.show("sellers"))[shop.user_id]
    assert tally["accepted"] == tally["sent"] == len(receiver.calls)
    ids = (await shop.show("accepted"))["ids"]
    assert len(set(ids)) == len(receiver.calls)


async def test_a_shipment_moves_without_its_order(shop: Shop) -> None:
    await shop.stock(0)
    for _ in range(60):
        [order_id, *_] = (await shop.change(action="create", notices="none"))["object_ids"]
        while True:
            before = (await shop.read_truth())[order_id]
            if not (await shop.change(object_id=order_id, notices="none"))["object_ids"]:
                break
            after = (await shop.read_truth())[order_id]
            if after["shipment_status"] == "shipped" != before["shipment_status"]:
                assert after["source_updated_at"] == before["source_updated_at"]
                assert after["shipment_updated_at"] > before["shipment_updated_at"]
                return
    pytest.fail("nothing was shipped")


async def test_what_is_refused_comes_again_and_is_then_missed(shop: Shop, receiver: Receiver) -> None:
    receiver.answer_in_turn(503)
    retries = {"tries_max": 2, "base_s": 0.01}
    await shop.stock(3, callback_url=f"{receiver.url}/meli", retries=retries)
    await shop.change(action="create")
    attempts = [call.json["attempts"] for call in receiver.calls]
    assert attempts.count(2) == 1
    assert await shop.client.list_missed(shop.seller) == {"messages": []}
    receiver.answer_in_turn(*[500] * 100)
    told = await shop.change(action="create")
    missed: Any = await shop.client.list_missed(shop.seller)
    assert {one["resource"] for one in missed["messages"]} == {one["resource"] for one in told["notices"]}
    assert {one["response"]["http_code"] for one in missed["messages"]} == {500}


async def test_a_slow_200_comes_again_and_is_listed_as_missed(shop: Shop, receiver: Receiver) -> None:
    async def answer_late(call: Call) -> web.Response:
        await asyncio.sleep(0.6 * (call.json["attempts"] == 1))
        return await accept(call)

    receiver.answer = answer_late
    await shop.stock(3, callback_url=f"{receiver.url}/meli", retries={"tries_max": 3, "base_s": 0.01})
    told = await shop.change(action="create")
    assert told["statuses"] == [200] * len(told["notices"])
    assert len(receiver.calls) == 2 * len(told["notices"])
    missed: Any = await shop.client.list_missed(shop.seller)
    assert [one["response"]["http_code"] for one in missed["messages"]] == [200] * len(told["notices"])


async def test_missed_ones_are_kept_for_two_days(shop: Shop, receiver: Receiver) -> None:
    await shop.stock(3, callback_url=f"{receiver.url}/meli")
    await shop.change(action="create", notices="miss")
    assert receiver.calls == []
    missed: Any = await shop.client.list_missed(shop.seller)
    assert missed["messages"]
    url = f"{shop.url}/_sandbox/clock"
    async with aiohttp.ClientSession() as session, session.post(url, json={"advance_s": 2 * 86_400}) as answer:
        assert answer.status == 200
    assert await shop.client.list_missed(shop.seller) == {"messages": []}


async def test_topics_that_are_not_subscribed_are_neither_told_nor_kept(shop: Shop, receiver: Receiver) -> None:
    await shop.stock(3)
    callback = {"url": f"{receiver.url}/meli", "topics": ["shipments"], "retries": ONCE}
    await shop.control("PATCH", "sellers", {shop.user_id: {"callback": callback}})
    for _ in range(8):
        await shop.change(action="create")
    await shop.change(action="cancel", count=4)
    assert {call.json["topic"] for call in receiver.calls} <= {"shipments"}
    assert await shop.client.list_missed(shop.seller) == {"messages": []}


async def test_a_demo_has_sellers(shop: Shop, receiver: Receiver) -> None:
    await shop.stock(3, callback_url=f"{receiver.url}/meli")
    async with aiohttp.ClientSession() as session:
        url = f"{shop.url}/_sandbox"
        account = {f"demo-{shop.user_id}": {"app_key": "k", "app_token": "t", "trigger_url": f"{receiver.url}/t"}}
        async with session.put(f"{url}/accounts", json=account) as answer:
            assert answer.status == 200
        body = {"rate": 0.1, "accounts": list(account), "mix": {"customers": 1}, "sellers_rate": 200}
        async with session.post(f"{url}/demo", json=body) as answer:
            assert answer.status == 202
        async with asyncio.timeout(20):
            while len(receiver.calls) < 60:
                receiver.arrived.clear()
                await receiver.arrived.wait()
        async with session.delete(f"{url}/demo") as answer:
            assert answer.status == 200
    hints = read_hints(shop, [call for call in receiver.calls if call.path == "/meli"])
    assert len({hint.object_id for hint in hints}) < len(hints), "some come twice"
    assert any(hint.object_id.startswith("shipment:") for hint in hints)


async def test_a_wrong_control_call_says_what_is_wrong(shop: Shop) -> None:
    await shop.stock(3)
    async with aiohttp.ClientSession() as session:
        for body in ({"action": "x"}, {"object_id": "1"}, {"user_id": "9"}):
            url = f"{shop.url}/_sandbox/mercadolibre/changes"
            async with session.post(url, json={"user_id": shop.user_id, **body}) as answer:
                assert answer.status == 400


def test_steps_are_in_order_and_every_way_is_taken() -> None:
    ways = [(seed, find_way(seed << 16)) for seed in range(200)]
    assert {way for _, way in ways} == set(WAYS)
    for seed, way in ways:
        moments = list_moments(seed, way, 1_000)
        assert list(moments) == sorted(set(moments))
        assert moments[0] == 1_000
