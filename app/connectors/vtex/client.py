"""VTEX's API as far as it is needed: one order, one customer, the hook's configuration, and checks of a key.

Errors are those of app.core.errors: what `Outbound.call` raises, and ObjectFailedError for an answer that is no JSON.
Source: VTEX Orders API and Master Data API v10.2 (OpenAPI).
"""

import asyncio
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

import orjson

from app.connectors.reading import JsonObject
from app.connectors.vtex.account import build_base_url
from app.connectors.vtex.calls import JSON_HEADERS, PROVIDER, Calls, Place, decode, quote_id
from app.connectors.vtex.customer import ADDRESSES_KEY
from app.connectors.vtex.entities import ADDRESS_FIELDS, ADDRESSES_MAX, CLIENT_FIELDS, SEARCHABLE_ID, is_lasting
from app.connectors.vtex.webhook import USER_ID_PREFIX
from app.core.errors import CredentialsRefusedError, ObjectFailedError, ObjectNotFoundError, ProviderError
from app.core.outbound import Outbound, Priority

LOGIN_PATH = "/api/vtexid/apptoken/login"
HOOK_PATH = "/api/orders/hook/config"


class VtexClient:
    """`credentials` are the declared ones: `app_key` and `app_token`."""

    def __init__(self, outbound: Outbound, *, url_template: str) -> None:
        self._calls = Calls(outbound, url_template)

    def get_last_answer_at(self, account: str) -> float | None:
        """When the account last answered anything but a server error (monotonic seconds); None if never."""
        return self._calls.outbound.get_last_answer_at(PROVIDER, account)

    def get_host(self, account: str, environment: str) -> str:
        """The host that the account is called at."""
        return urlsplit(build_base_url(self._calls.url_template, account, environment)).hostname or ""

    async def log_in(self, account: str, environment: str, credentials: Mapping[str, str]) -> bool:
        """Whether key and token match. It takes no permission; what a failure answers is not documented."""
        place = self._calls.find_place(account, environment, credentials, "live")._replace(headers=JSON_HEADERS)
        content = orjson.dumps({"appkey": credentials["app_key"], "apptoken": credentials["app_token"]})
        try:
            answer = await self._calls.call(
                place._replace(headers=JSON_HEADERS), "log_in", "POST", LOGIN_PATH, content=content
            )
        except CredentialsRefusedError:
            return False
        except ObjectFailedError as error:
            if error.status == 400:
                return False
            raise
        return JsonObject(decode(answer, place, "log_in")).find_text("authStatus") == "Success"

    async def list_newest_orders(
        self, account: str, environment: str, credentials: Mapping[str, str], *, rows_max: int
    ) -> list[object]:
        """Rows of the order list, newest first. At most 100."""
        place = self._calls.find_place(account, environment, credentials, "live")
        query = urlencode({"per_page": rows_max, "orderBy": "creationDate,desc"}, safe=",")
        found = await self._calls.get(place, "list_orders", f"/api/oms/pvt/orders?{query}")
        rows = found.get("list") if isinstance(found, dict) else None
        if not isinstance(rows, list):
            raise ObjectFailedError(f"vtex list_orders of {account}: the answer has no list", status=200)
        return rows

    async def probe_customers(self, account: str, environment: str, credentials: Mapping[str, str]) -> None:
        """Searches one customer, for its id alone. ObjectNotFoundError where a store has no entity `CL`."""
        place = self._calls.find_place(account, environment, credentials, "live")
        path = "/api/dataentities/CL/search?_fields=id"
        await self._calls.get(place, "probe_customers", path, rest_range="resources=0-1")

    async def fetch_order(
        self,
        account: str,
        environment: str,
        credentials: Mapping[str, str],
        order_id: str,
        *,
        priority: Priority = "live",
    ) -> object:
        """The order's document as VTEX has it now: decoded JSON, for `map_order`."""
        place = self._calls.find_place(account, environment, credentials, priority)
        return await self._calls.get(place, "get_order", f"/api/oms/pvt/orders/{quote_id(order_id)}")

    async def fetch_customer(
        self,
        account: str,
        environment: str,
        credentials: Mapping[str, str],
        customer_id: str,
        *,
        profile_id: str | None = None,
        priority: Priority = "live",
    ) -> object:
        """The `CL` document with its addresses under ADDRESSES_KEY, for `map_customer`.

        `customer_id`: a document id, or `userId:<id>`. Addresses are kept by the user's id: `profile_id`, if the call
        told it, else the document's own, which is the same in newer documents. So they are asked for at the same time,
        and again only where that was wrong. A store that lets us read no addresses gives
        the document without the key.
        """
        place = self._calls.find_place(account, environment, credentials, priority)
        bare_id = customer_id.removeprefix(USER_ID_PREFIX)
        likely_user_id = profile_id or bare_id
        addresses_task = asyncio.ensure_future(self._list_addresses(place, likely_user_id))
        try:
            if customer_id.startswith(USER_ID_PREFIX):
                client = await self._find_client_of_user(place, bare_id)
            else:
                client = await self._read_client(place, bare_id)
            user_id = client.get("userId")
            if isinstance(user_id, str) and user_id.lower() != likely_user_id.lower():
                addresses = await self._list_addresses(place, user_id)
            else:
                addresses = await addresses_task
        finally:
            addresses_task.cancel()
        return client if addresses is None else {**client, ADDRESSES_KEY: addresses}

    async def get_hook(self, account: str, environment: str, credentials: Mapping[str, str]) -> object | None:
        """This app key's hook configuration, or None when there is none."""
        place = self._calls.find_place(account, environment, credentials, "live")
        try:
            return await self._calls.get(place, "get_hook", HOOK_PATH)
        except ObjectNotFoundError:
            return None

    async def post_hook(
        self, account: str, environment: str, credentials: Mapping[str, str], configuration: Mapping[str, object]
    ) -> None:
        """Creates or replaces the hook. VTEX pings its URL before it answers; ObjectFailedError (400) if that fails."""
        place = self._calls.find_place(account, environment, credentials, "live")
        await self._calls.call(place, "post_hook", "POST", HOOK_PATH, content=orjson.dumps(configuration))

    async def delete_hook(self, account: str, environment: str, credentials: Mapping[str, str]) -> None:
        """Deletes the hook; fine when there is none."""
        place = self._calls.find_place(account, environment, credentials, "live")
        try:
            await self._calls.call(place, "delete_hook", "DELETE", HOOK_PATH)
        except ObjectNotFoundError:
            return

    async def _read_client(self, place: Place, document_id: str) -> dict[str, object]:
        query = urlencode({"_fields": CLIENT_FIELDS}, safe=",")
        path = f"/api/dataentities/CL/documents/{quote_id(document_id)}?{query}"
        document = await self._calls.get(place, "get_customer", path)
        if not document:
            # Master Data's answer for a document that is not there is not documented.
            raise ObjectNotFoundError(f"vtex get_customer of {place.account}: empty answer", status=404)
        if not isinstance(document, dict):
            raise ObjectFailedError(f"vtex get_customer of {place.account}: the answer is no object", status=200)
        return document

    async def _find_client_of_user(self, place: Place, user_id: str) -> dict[str, object]:
        found = await self._search(place, "find_customer", "CL", user_id, fields="id", rows_max=1)
        document_id = found[0].get("id") if found and isinstance(found[0], dict) else None
        if not isinstance(document_id, str):
            raise ObjectNotFoundError(f"vtex find_customer of {place.account}: no such userId", status=404)
        # The search lags behind; the document by its id is strongly consistent.
        return await self._read_client(place, document_id)

    async def _list_addresses(self, place: Place, user_id: str) -> list[object] | None:
        """The `AD` documents of a user, or None when they cannot be read: a customer is worth keeping without them.

        Batch work has the time to ask again, so for it only what will not change is no error.
        """
        try:
            return await self._search(
                place, "list_addresses", "AD", user_id, fields=ADDRESS_FIELDS, rows_max=ADDRESSES_MAX
            )
        except ProviderError as error:
            if place.priority == "batch" and not is_lasting(error):
                raise
            return None

    async def _search(
        self, place: Place, route: str, entity: str, user_id: str, *, fields: str, rows_max: int
    ) -> list[object]:
        if not SEARCHABLE_ID.fullmatch(user_id):
            raise ObjectNotFoundError(f"vtex {route} of {place.account}: not a user id", status=404)
        query = urlencode({"_where": f"userId={user_id}", "_fields": fields, "_sort": "id ASC"}, safe=",=")
        path = f"/api/dataentities/{entity}/search?{query}"
        rows = await self._calls.get(place, route, path, rest_range=f"resources=0-{rows_max}")
        if not isinstance(rows, list | None):
            raise ObjectFailedError(f"vtex {route} of {place.account}: the answer is no array", status=200)
        return rows or []
