"""MercadoLibre's API as far as it is needed: the seller, lists of orders, one order with what belongs to it.

Quotas are counted by application, over all its sellers, and are small. So few orders of one application are read at
once, and whoever has an order waits a while for the calls that its parts take: begun everywhere and ended nowhere, the
budget would be spent for nothing. An access token that ended early is replaced once. Errors are those of
app.core.errors: what `Outbound.call` raises, with what the body says of it.
"""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from app.connectors.mercadolibre.access import Application
from app.connectors.mercadolibre.errors import judge_answer
from app.connectors.mercadolibre.order import BILLING_KEY, MISSING_KEY, SHIPMENT_KEY
from app.connectors.mercadolibre.tokens import PROVIDER, AccessTokens
from app.connectors.mercadolibre.webhook import PAYMENT_PREFIX, SHIPMENT_PREFIX
from app.connectors.reading import JsonObject, parse_json
from app.connectors.vault import Tokens, Vault
from app.core.errors import (
    OTHER_ACCOUNT,
    AccessTokenEndedError,
    CredentialsRefusedError,
    MappingError,
    ObjectFailedError,
    ObjectNotFoundError,
    ProviderRefusedError,
    ThrottledError,
)
from app.core.lru import Lru
from app.core.outbound import Answer, Outbound, Priority, Route

# What a part's refusal says for good: it is listed as missing, and the rest of the order is kept.
_LASTING = (ObjectNotFoundError, ProviderRefusedError)
ORDERS_AT_ONCE = 4  # of one application, in one process
PATIENCE_S = 8.0  # for our own budget, in the middle of an order


class Seller(NamedTuple):
    """Whose orders these are, through which application, and where the tokens are. `account`: the seller's id that the
    tokens must be of; empty where nobody knows it yet."""

    application: Application
    vault: Vault
    priority: Priority = "live"
    account: str = ""


class MercadoLibreClient:
    """`base_url`: of the API, the same for all sites."""

    def __init__(self, outbound: Outbound, *, base_url: str) -> None:
        self._outbound = outbound
        self._base_url = base_url.rstrip("/")
        self._tokens = AccessTokens(outbound, f"{self._base_url}/oauth/token")
        self._turns: Lru[str, asyncio.Semaphore] = Lru()

    async def get_tokens(self, seller: Seller, *, refused: str | None = None) -> Tokens:
        """Good ones: the first call tells who the seller is. `refused`: an access token that is not taken any more.
        Raises CredentialsRefusedError also for those of another seller."""
        tokens = await self._tokens.get(seller.application, seller.vault, seller.priority, refused=refused)
        if seller.account and tokens.user_id != seller.account:
            raise CredentialsRefusedError("these tokens are another seller's", status=401, told=OTHER_ACCOUNT)
        return tokens

    async def get_me(self, seller: Seller) -> JsonObject:
        """`id`, `nickname`, `site_id`, `status.site_status`, `tags`. May be partial."""
        return JsonObject(await self._get(seller, "get_me", "/users/me"))

    async def search_orders(self, seller: Seller, params: Mapping[str, str]) -> object:
        """A page of the seller's orders: `results`, whole documents without their shipments, and `paging`."""
        tokens = await self.get_tokens(seller)
        query = urlencode({"seller": tokens.user_id, **params})
        return await self._get(seller, "search_orders", f"/orders/search?{query}")

    async def fetch_order(self, seller: Seller, pointer: str) -> dict[str, Any]:
        """An order with its shipment, and its billing-info where that may be read, for `map_order`. `pointer`: its id,
        or one of a shipment or payment (`shipment:<id>`). Raises ObjectNotFoundError where there is none."""
        order_id = await self.find_order_id(seller, pointer)
        async with self._find_turns(seller):
            answer = await self._call(seller, "get_order", f"/orders/{order_id}")
            order = _decode("get_order", answer)
            if not isinstance(order, dict):
                raise ObjectFailedError("mercadolibre get_order: the answer is no object", status=answer.status)
            told = answer.headers.get("x-content-missing", "").split(",")
            missing = [part.strip().lower() for part in told if part.strip()]
            return await self._add_parts(seller, {**order, MISSING_KEY: missing} if missing else order)

    async def complete_order(self, seller: Seller, order: dict[str, Any]) -> dict[str, Any]:
        """As `fetch_order` would give it, of an order that a list has told."""
        async with self._find_turns(seller):
            return await self._add_parts(seller, order)

    async def _add_parts(self, seller: Seller, order: dict[str, Any]) -> dict[str, Any]:
        missing, parts = list(order.get(MISSING_KEY, ())), dict[str, object]()
        for key, route, path in _list_parts(JsonObject(order), seller.application):
            try:
                parts[key] = await self._get_patiently(seller, route, path)
            except _LASTING:
                missing.append(key)
        whole = {**order, **parts}
        return {**whole, MISSING_KEY: missing} if missing else whole

    async def list_missed(
        self, seller: Seller, topic: str | None = None, *, offset: int = 0, limit: int = 50
    ) -> object:
        """A page of the application's notifications (of one topic) that were not taken: `messages`. They are kept for
        two days."""
        asked = {"app_id": seller.application.client_id, "offset": offset, "limit": limit}
        query = urlencode(asked if topic is None else {**asked, "topic": topic})
        return await self._get(seller, "list_missed", f"/missed_feeds?{query}")

    async def find_order_id(self, seller: Seller, pointer: str) -> str:
        """The order that a pointer leads to. Raises ObjectNotFoundError where it leads to none."""
        for prefix, route, path in (
            (SHIPMENT_PREFIX, "get_shipment", "/shipments/"),
            (PAYMENT_PREFIX, "get_payment", "/collections/"),
        ):
            if pointer.startswith(prefix):
                found = JsonObject(await self._get(seller, route, path + _check_id(pointer.removeprefix(prefix))))
                sources = (found, found.get_object("collection"), found.get_object("order"))
                ids = (source.find_text("order_id", chars_max=20) for source in sources)
                order_id = next((one for one in ids if one), None)
                if order_id is None:
                    raise ObjectNotFoundError(f"{PROVIDER} {route}: it names no order", status=200)
                return _check_id(order_id)
        return _check_id(pointer)

    def _find_turns(self, seller: Seller) -> asyncio.Semaphore:
        name = seller.application.counted_by
        return self._turns.get(name) or self._turns.put(name, asyncio.Semaphore(ORDERS_AT_ONCE))

    async def _get_patiently(self, seller: Seller, route: str, path: str) -> object:
        """Waits for our own budget a while; not for a pause that the provider asked for."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_S
        while True:
            try:
                return await self._get(seller, route, path)
            except ThrottledError as error:
                pause_s = error.retry_after_s or 0.0
                if error.status or loop.time() + pause_s >= deadline:
                    raise
                await asyncio.sleep(pause_s)

    async def _get(self, seller: Seller, route: str, path: str) -> object:
        return _decode(route, await self._call(seller, route, path))

    async def _call(self, seller: Seller, route: str, path: str) -> Answer:
        tokens = await self.get_tokens(seller)
        try:
            return await self._send(seller, tokens, route, path)
        except AccessTokenEndedError:
            tokens = await self.get_tokens(seller, refused=tokens.access_token)
        try:
            return await self._send(seller, tokens, route, path)
        except AccessTokenEndedError as error:
            raise CredentialsRefusedError(str(error), status=401, told=error.told) from None

    async def _send(self, seller: Seller, tokens: Tokens, route: str, path: str) -> Answer:
        name = f"{PROVIDER} {route} of {tokens.user_id}"
        headers = {"Authorization": f"Bearer {tokens.access_token}", "Accept": "application/json"}
        if route == "get_shipment":
            headers["x-format-new"] = "true"
        return await self._outbound.call(
            Route(PROVIDER, route, tokens.user_id, counted_by=seller.application.counted_by),
            "GET",
            self._base_url + path,
            headers=headers,
            priority=seller.priority,
            judge=lambda refusal: judge_answer(name, refusal),
        )


def _list_parts(order: JsonObject, application: Application) -> Iterator[tuple[str, str, str]]:
    """What belongs to an order: its key in the document, the route, and the path."""
    shipment_id = order.get_object("shipping").find_text("id", chars_max=20)
    if shipment_id is not None:
        yield SHIPMENT_KEY, "get_shipment", f"/shipments/{_check_id(shipment_id)}"
    billing_id = order.get_object("buyer").get_object("billing_info").find_text("id", chars_max=40)
    if application.reads_billing and billing_id is not None and billing_id.isascii() and billing_id.isalnum():
        yield BILLING_KEY, "get_billing", f"/orders/billing-info/{application.site_id}/{billing_id}"


def _check_id(text: str) -> str:
    if not text.isascii() or not text.isdecimal():
        raise MappingError("id", "is not an id of digits")
    return text


def _decode(route: str, answer: Answer) -> object:
    try:
        return parse_json(answer.body)
    except MappingError as error:
        raise ObjectFailedError(f"{PROVIDER} {route}: the answer {error.problem}", status=answer.status) from None
