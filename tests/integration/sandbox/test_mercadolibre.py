"""MercadoLibre's client over the sandbox: tokens that are good once, whole orders, missing parts."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from app.connectors.mercadolibre.access import Application, read_application
from app.connectors.mercadolibre.client import MercadoLibreClient, Seller
from app.connectors.mercadolibre.mapping import map_order
from app.connectors.mercadolibre.tokens import AccessTokens
from app.connectors.mercadolibre.validation import validate
from app.connectors.vault import Tokens
from app.core.errors import (
    CredentialsRefusedError,
    MappingError,
    ObjectFailedError,
    ObjectNotFoundError,
    ProviderRefusedError,
    ThrottledError,
)
from app.core.outbound import Outbound
from app.core.settings import Settings
from tests.integration.sandbox.conftest import NoLimit
from tests.unit.connectors.documents import read_fixture

ORDER_ID, SHIPMENT_ID, BILLING_ID = "2000011223344556", "45001002003", "7788"
WHOLE = read_fixture("mercadolibre/orders/whole")
ORDER = {name: value for name, value in WHOLE.items() if name not in ("shipment", "billing_info")}


class MemoryVault:
    """The protocol within one process: several clients with one of these are as processes over one database."""

    def __init__(self) -> None:
        self.committed: list[Tokens] = []
        self.is_held = False
        self.was_held = asyncio.Event()
        self._lock = asyncio.Lock()

    async def read(self) -> Tokens | None:
        await asyncio.sleep(0)
        return self.committed[-1] if self.committed else None

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        async with self._lock:
            self.is_held = True
            self.was_held.set()
            yield
            self.is_held = False

    async def commit(self, tokens: Tokens) -> None:
        assert self.is_held, "only under the lock"
        await asyncio.sleep(0)
        self.committed.append(tokens)


class Meli:
    """The sandbox's MercadoLibre with a seller and an application of its own for this test."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session
        number = random.randrange(10**9)
        self.user_id = f"1{number:09}"
        self.application = Application(f"5{number:09}", "canary-secret", "MLA", f"TG-seed-{number}", reads_billing=True)
        self.vault = MemoryVault()
        self.budget = NoLimit()
        self.outbound = Outbound(Settings(provider_call_timeout_s=5), self.budget)
        self.client = self.make_client()
        self.seller = Seller(self.application, self.vault)

    def make_client(self) -> MercadoLibreClient:
        return MercadoLibreClient(self.outbound, base_url=f"{self.url}/mercadolibre")

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        url = f"{self.url}/_sandbox/mercadolibre/{path}"
        async with self._session.request(method, url, json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def put(self, **fields: Any) -> None:
        seller = {
            "client_id": self.application.client_id,
            "client_secret": self.application.client_secret,
            "refresh_token": self.application.seed,
            "orders": {ORDER_ID: ORDER},
            "shipments": {SHIPMENT_ID: {**WHOLE["shipment"], "order_id": int(ORDER_ID)}},
            "billing": {BILLING_ID: WHOLE["billing_info"]},
        }
        await self.control("PUT", "sellers", {self.user_id: seller | fields})

    async def tell(self, route: str, *answers: dict[str, Any]) -> None:
        await self.control("POST", "answers", {"route": route, "answers": list(answers)})

    async def count(self, route: str) -> int:
        counted: dict[str, int] = await self.control("GET", "calls")
        return counted.get(route, 0)


@pytest.fixture
async def meli(sandbox_process: str) -> AsyncIterator[Meli]:
    async with aiohttp.ClientSession() as session:
        meli = Meli(sandbox_process, session)
        await meli.put()
        yield meli
        await meli.outbound.aclose()


async def test_two_who_refresh_at_once_make_one_call_and_are_not_locked_out(meli: Meli) -> None:
    before = await meli.count("token")
    clients = [meli.make_client() for _ in range(8)]
    found = await asyncio.gather(*(client.get_tokens(meli.seller) for client in clients))
    assert await meli.count("token") == before + 1
    assert set(found) == set(meli.vault.committed)
    assert found[0].user_id == meli.user_id
    assert (await meli.client.get_me(meli.seller)).find_text("id") == meli.user_id


async def test_the_next_refresh_uses_the_token_that_was_committed(meli: Meli) -> None:
    await meli.client.get_tokens(meli.seller)
    await meli.control("DELETE", f"access_tokens/{meli.user_id}")
    before = await meli.count("token")
    await asyncio.gather(*(meli.client.get_me(meli.seller) for _ in range(5)))
    assert await meli.count("token") == before + 1, "whoever waited for the lock found new ones"
    assert len({tokens.refresh_token for tokens in meli.vault.committed}) == 2


async def test_tokens_are_renewed_when_their_time_is_over(meli: Meli) -> None:
    now = datetime.now(UTC)
    tokens = AccessTokens(meli.outbound, f"{meli.url}/mercadolibre/oauth/token", clock=lambda: now)
    first = await tokens.get(meli.application, meli.vault, "live")
    assert first.ends_at == now + timedelta(seconds=10_800) - timedelta(minutes=5)
    assert await tokens.get(meli.application, meli.vault, "live") == first
    now = first.ends_at
    assert (await tokens.get(meli.application, meli.vault, "live")).access_token != first.access_token


async def test_a_cancelled_refresh_still_commits_what_was_answered(meli: Meli) -> None:
    task = asyncio.create_task(meli.client.get_tokens(meli.seller))
    await meli.vault.was_held.wait()
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(meli.vault.committed) == 1
    assert (await meli.client.get_me(meli.seller)).find_text("id") == meli.user_id


async def test_a_lost_answer_is_tried_once_more_and_ends_in_reconnect(meli: Meli) -> None:
    await meli.put(lost_answers=1)
    before = await meli.count("token")
    with pytest.raises(CredentialsRefusedError) as caught:
        await meli.client.get_tokens(meli.seller)
    assert caught.value.told == "invalid_grant"
    assert await meli.count("token") == before + 2
    assert not meli.vault.committed


async def test_a_fault_that_did_not_use_the_token_up_is_got_over(meli: Meli) -> None:
    await meli.tell("token", {"status": 500, "body": {"error": "internal", "status": 500}})
    assert (await meli.client.get_tokens(meli.seller)).user_id == meli.user_id


async def test_a_revoked_authorisation_ends_in_reconnect_and_a_new_one_starts_anew(meli: Meli) -> None:
    await meli.client.get_tokens(meli.seller)
    await meli.control("PATCH", "sellers", {meli.user_id: {"refresh_token": None}})
    await meli.control("DELETE", f"access_tokens/{meli.user_id}")
    before = await meli.count("token")
    with pytest.raises(CredentialsRefusedError) as caught:
        await meli.client.get_me(meli.seller)
    assert (caught.value.status, await meli.count("token")) == (401, before + 1)
    assert "canary" not in str(caught.value)
    anew = f"TG-anew-{meli.user_id}"
    await meli.control("PATCH", "sellers", {meli.user_id: {"refresh_token": anew}})
    seller = meli.seller._replace(application=meli.application._replace(seed=anew))
    assert (await meli.client.get_me(seller)).find_text("id") == meli.user_id


async def test_a_limited_token_endpoint_pauses_only_itself(meli: Meli) -> None:
    await meli.tell("token", {"status": 429, "body": {"error": "local_rate_limited"}})
    with pytest.raises(ThrottledError):
        await meli.client.get_tokens(meli.seller)
    assert list(meli.budget.pauses) == [f"mercadolibre:oauth-{meli.application.counted_by}"]


async def test_an_order_comes_with_its_shipment_and_who_bought(meli: Meli) -> None:
    document = await meli.client.fetch_order(meli.seller, ORDER_ID)
    assert map_order(document) == map_order({**WHOLE, "shipment": {**WHOLE["shipment"], "order_id": int(ORDER_ID)}})
    assert map_order(document).missing == ()


async def test_billing_is_read_only_where_a_brand_asked_for_it(meli: Meli) -> None:
    before = await meli.count("billing")
    seller = meli.seller._replace(application=meli.application._replace(reads_billing=False))
    record = map_order(await meli.client.fetch_order(seller, ORDER_ID))
    assert record.buyer is not None
    assert (record.buyer.profile_id, record.buyer.document, record.missing) == ("330011", None, ())
    assert await meli.count("billing") == before


@pytest.mark.parametrize("pointer", [f"shipment:{SHIPMENT_ID}", "payment:90111222334"])
async def test_a_pointer_of_a_part_leads_to_its_order(meli: Meli, pointer: str) -> None:
    await meli.tell("payment", *[{"body": {"collection": {"order_id": int(ORDER_ID)}}}] * pointer.startswith("payment"))
    assert (await meli.client.fetch_order(meli.seller, pointer))["id"] == int(ORDER_ID)


async def test_what_206_leaves_out_is_listed(meli: Meli) -> None:
    await meli.put(partial={ORDER_ID: ["buyer", "shipping"]})
    document = await meli.client.fetch_order(meli.seller, ORDER_ID)
    assert document["content_missing"] == ["buyer", "shipping"]
    assert map_order(document).missing == ("shipping_minor", "buyer", "shipping_address")


async def test_a_part_that_cannot_be_read_for_good_is_missing_and_one_that_may_be_later_is_waited_for(
    meli: Meli,
) -> None:
    await meli.put(shipments={})
    record = map_order(await meli.client.fetch_order(meli.seller, ORDER_ID))
    assert record.missing == ("shipping_minor", "shipping_address")
    refusal = {"code": "PA_UNAUTHORIZED_RESULT_FROM_POLICIES", "blocked_by": "PolicyAgent", "status": 403}
    await meli.tell("billing", {"status": 403, "body": refusal})
    assert "buyer" in map_order(await meli.client.fetch_order(meli.seller, ORDER_ID)).missing
    await meli.tell("shipment", {"status": 429, "body": {"error": "too_many_requests", "status": 429}})
    with pytest.raises(ThrottledError):
        await meli.client.fetch_order(meli.seller, ORDER_ID)


async def test_errors_of_an_order_are_told_apart(meli: Meli) -> None:
    with pytest.raises(ObjectNotFoundError):
        await meli.client.fetch_order(meli.seller, "1")
    for pointer in ("../users/me", "shipment:x", "", "1/feedback"):
        with pytest.raises(MappingError):
            await meli.client.fetch_order(meli.seller, pointer)
    await meli.tell("order", {"status": 403, "body": {"status": 403, "error": "Invalid scopes", "code": "FORBIDDEN"}})
    with pytest.raises(ProviderRefusedError):
        await meli.client.fetch_order(meli.seller, ORDER_ID)
    await meli.tell("order", {"status": 503, "body": {"status": 503, "error": "unavailable"}})
    with pytest.raises(ObjectFailedError):
        await meli.client.fetch_order(meli.seller, ORDER_ID)


async def test_a_search_is_of_this_sellers_orders_and_leaves_out_cancelled_ones(meli: Meli) -> None:
    cancelled = {**ORDER, "id": 7, "status": "cancelled"}
    await meli.put(orders={ORDER_ID: ORDER, "7": cancelled})
    window = {"order.date_last_updated.from": "2026-11-01T00:00:00.000-00:00"}
    found: Any = await meli.client.search_orders(meli.seller, window)
    assert [row["id"] for row in found["results"]] == [int(ORDER_ID)]
    found = await meli.client.search_orders(meli.seller, {**window, "order.status": "cancelled"})
    assert [row["id"] for row in found["results"]] == [7]
    found = await meli.client.search_orders(meli.seller, {"order.last_updated.from": "2026-11-01T00:00:00.000-00:00"})
    assert found["results"] == [], "a wrong filter is none"


async def test_missed_notifications_are_listed(meli: Meli) -> None:
    await meli.put(missed=[{"resource": f"/orders/{ORDER_ID}", "topic": "orders_v2"}])
    found: Any = await meli.client.list_missed(meli.seller)
    assert [one["topic"] for one in found["messages"]] == ["orders_v2"]


def test_an_application_is_read_from_the_declared_fields() -> None:
    config, credentials = {"client_id": "1", "site_id": "MLB"}, {"client_secret": "s", "refresh_token": "TG-1"}
    assert read_application(config, credentials).site_id == "MLB"
    for broken in ({"site_id": "MCU"}, {"client_id": ""}):
        with pytest.raises(MappingError):
            read_application({**config, **broken}, credentials)


async def test_each_wrong_thing_is_found_by_its_name(meli: Meli) -> None:
    async def look(**changes: Any) -> list[str]:
        seller = Seller(meli.application._replace(**changes), meli.vault)
        found = await validate(meli.client, seller)
        assert "canary" not in str(found)
        return [finding.code for finding in found.findings]

    assert await look(client_secret="x") == ["wrong_client"]
    assert await look(seed="TG-of-nobody") == ["reconnect"]
    assert not meli.vault.committed, "neither has used the token up"
    assert await look() == ["all_fine"]
    assert await look(site_id="MLB") == ["wrong_site"]
    found = await validate(meli.client, meli.seller, "1")
    assert [(one.code, one.field, one.about) for one in found.findings] == [("wrong_seller", "user_id", meli.user_id)]
    refusal = {"code": "PA_UNAUTHORIZED_RESULT_FROM_POLICIES", "blocked_by": "PolicyAgent", "status": 403}
    blocked = {"error": "unauthorized_scopes", "message": "unauthorized_scopes", "status": 401}
    for route, status, body, code in (
        ("search", 403, refusal, "missing_permission"),
        ("search", 401, blocked, "application_blocked"),
        ("search", 400, {"error": "bad_request", "status": 400}, "provider_refused"),
        ("me", 429, {"error": "too_many_requests", "status": 429}, "provider_throttled"),
        ("me", 502, {}, "provider_unavailable"),
        ("me", 200, {"id": 1, "status": {"site_status": "deactive"}}, "seller_not_active"),
    ):
        await meli.tell(route, {"status": status, "body": body})
        assert await look() == [code]
    assert len(meli.vault.committed) == 1


async def test_a_check_tells_who_the_seller_is_and_keeps_what_it_used_up(meli: Meli) -> None:
    found = await validate(meli.client, meli.seller)
    assert (found.is_valid, found.account) == (True, meli.user_id)
    assert meli.vault.committed[0].refresh_token != meli.application.seed
    assert (await validate(meli.make_client(), meli.seller)).is_valid
