"""VTEX's API as far as it is needed: one order, one customer, the hook's configuration, and checks of a key.

Errors are those of app.core.errors: what `Outbound.call` raises, and ObjectFailedError for an answer that is no JSON.
Source: VTEX Orders API and Master Data API v10.2 (OpenAPI).
"""

import asyncio
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit

import orjson

from app.connectors.reading import JsonObject, parse_json
from app.connectors.vtex.customer import ADDRESSES_KEY
from app.connectors.vtex.declaration import ACCOUNT_PATTERN, ENVIRONMENTS
from app.connectors.vtex.webhook import USER_ID_PREFIX
from app.core.errors import CredentialsRefusedError, MappingError, ObjectFailedError, ObjectNotFoundError, ProviderError
from app.core.outbound import Answer, Outbound, Priority, Route

PROVIDER = "vtex"
LOGIN_PATH = "/api/vtexid/apptoken/login"
HOOK_PATH = "/api/orders/hook/config"
THROTTLE_S = 60.0  # VTEX's advice for a 429 of the Orders API without Retry-After
ADDRESSES_MAX = 50
_JSON_HEADERS = {"Accept": "application/json", "Content-Type": "application/json"}
_ACCOUNT = re.compile(ACCOUNT_PATTERN)
# The search grammar has operators: an id that goes into it must not be able to say one.
_SEARCHABLE_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,99}", re.ASCII)

# Named, because `_all` fails with 403 where a store has private fields.
CLIENT_FIELDS = (
    "id,userId,email,firstName,lastName,document,documentType,isCorporate,corporateName,tradeName,corporateDocument,"
    "homePhone,phone,cellPhone,businessPhone,gender,birthDate,isNewsletterOptIn,localeDefault,customerClass,"
    "createdIn,updatedIn,lastInteractionIn"
)
ADDRESS_FIELDS = (
    "id,userId,addressName,addressType,receiverName,street,number,complement,neighborhood,city,state,postalCode,"
    "country,reference"
)


def build_base_url(url_template: str, account: str, environment: str) -> str:
    """Where an account is called. Raises MappingError for a name that could change the host.

    Credentials are sent there, so both parts are checked whole here again, whatever was stored.
    """
    if not _ACCOUNT.fullmatch(account):
        raise MappingError("account", "is not a VTEX account name")
    if environment not in ENVIRONMENTS:
        raise MappingError("environment", f"is none of {', '.join(ENVIRONMENTS)}")
    url = url_template.format(account=account, environment=environment)
    template_host = urlsplit(url_template).netloc.format(account=account, environment=environment)
    if urlsplit(url).netloc != template_host:
        raise MappingError("account", "does not make the expected host name")
    return url.rstrip("/")


class _Place(NamedTuple):
    """Whose data, where, in whose name, and how urgent."""

    account: str
    base_url: str
    headers: Mapping[str, str]
    priority: Priority


class VtexClient:
    """`credentials` are the declared ones: `app_key` and `app_token`."""

    def __init__(self, outbound: Outbound, *, url_template: str) -> None:
        self._outbound = outbound
        self._url_template = url_template

    def get_last_answer_at(self, account: str) -> float | None:
        """When the account last answered anything but a server error (monotonic seconds); None if never."""
        return self._outbound.get_last_answer_at(PROVIDER, account)

    def get_host(self, account: str, environment: str) -> str:
        """The host that the account is called at."""
        return urlsplit(build_base_url(self._url_template, account, environment)).hostname or ""

    async def log_in(self, account: str, environment: str, credentials: Mapping[str, str]) -> bool:
        """Whether key and token match. It takes no permission; what a failure answers is not documented."""
        place = self._find_place(account, environment, credentials, "live")._replace(headers=_JSON_HEADERS)
        content = orjson.dumps({"appkey": credentials["app_key"], "apptoken": credentials["app_token"]})
        try:
            answer = await self._call(
                place._replace(headers=_JSON_HEADERS), "log_in", "POST", LOGIN_PATH, content=content
            )
        except CredentialsRefusedError:
            return False
        except ObjectFailedError as error:
            if error.status == 400:
                return False
            raise
        return JsonObject(_decode(answer, place, "log_in")).find_text("authStatus") == "Success"

    async def list_newest_orders(
        self, account: str, environment: str, credentials: Mapping[str, str], *, rows_max: int
    ) -> list[object]:
        """Rows of the order list, newest first. At most 100."""
        place = self._find_place(account, environment, credentials, "live")
        query = urlencode({"per_page": rows_max, "orderBy": "creationDate,desc"}, safe=",")
        found = await self._get(place, "list_orders", f"/api/oms/pvt/orders?{query}")
        rows = found.get("list") if isinstance(found, dict) else None
        if not isinstance(rows, list):
            raise ObjectFailedError(f"vtex list_orders of {account}: the answer has no list", status=200)
        return rows

    async def probe_customers(self, account: str, environment: str, credentials: Mapping[str, str]) -> None:
        """Searches one customer, for its id alone. ObjectNotFoundError where a store has no entity `CL`."""
        place = self._find_place(account, environment, credentials, "live")
        path = "/api/dataentities/CL/search?_fields=id"
        await self._get(place, "probe_customers", path, rest_range="resources=0-1")

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
        place = self._find_place(account, environment, credentials, priority)
        return await self._get(place, "get_order", f"/api/oms/pvt/orders/{_quote_id(order_id)}")

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
        place = self._find_place(account, environment, credentials, priority)
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
        place = self._find_place(account, environment, credentials, "live")
        try:
            return await self._get(place, "get_hook", HOOK_PATH)
        except ObjectNotFoundError:
            return None

    async def post_hook(
        self, account: str, environment: str, credentials: Mapping[str, str], configuration: Mapping[str, object]
    ) -> None:
        """Creates or replaces the hook. VTEX pings its URL before it answers; ObjectFailedError (400) if that fails."""
        place = self._find_place(account, environment, credentials, "live")
        await self._call(place, "post_hook", "POST", HOOK_PATH, content=orjson.dumps(configuration))

    async def delete_hook(self, account: str, environment: str, credentials: Mapping[str, str]) -> None:
        """Deletes the hook; fine when there is none."""
        place = self._find_place(account, environment, credentials, "live")
        try:
            await self._call(place, "delete_hook", "DELETE", HOOK_PATH)
        except ObjectNotFoundError:
            return

    async def _read_client(self, place: _Place, document_id: str) -> dict[str, object]:
        query = urlencode({"_fields": CLIENT_FIELDS}, safe=",")
        path = f"/api/dataentities/CL/documents/{_quote_id(document_id)}?{query}"
        document = await self._get(place, "get_customer", path)
        if not document:
            # Master Data's answer for a document that is not there is not documented.
            raise ObjectNotFoundError(f"vtex get_customer of {place.account}: empty answer", status=404)
        if not isinstance(document, dict):
            raise ObjectFailedError(f"vtex get_customer of {place.account}: the answer is no object", status=200)
        return document

    async def _find_client_of_user(self, place: _Place, user_id: str) -> dict[str, object]:
        found = await self._search(place, "find_customer", "CL", user_id, fields="id", rows_max=1)
        document_id = found[0].get("id") if found and isinstance(found[0], dict) else None
        if not isinstance(document_id, str):
            raise ObjectNotFoundError(f"vtex find_customer of {place.account}: no such userId", status=404)
        # The search lags behind; the document by its id is strongly consistent.
        return await self._read_client(place, document_id)

    async def _list_addresses(self, place: _Place, user_id: str) -> list[object] | None:
        """The `AD` documents of a user, or None when they cannot be read: a customer is worth keeping without them."""
        try:
            return await self._search(
                place, "list_addresses", "AD", user_id, fields=ADDRESS_FIELDS, rows_max=ADDRESSES_MAX
            )
        except ProviderError:
            return None

    async def _search(
        self, place: _Place, route: str, entity: str, user_id: str, *, fields: str, rows_max: int
    ) -> list[object]:
        if not _SEARCHABLE_ID.fullmatch(user_id):
            raise ObjectNotFoundError(f"vtex {route} of {place.account}: not a user id", status=404)
        query = urlencode({"_where": f"userId={user_id}", "_fields": fields, "_sort": "id ASC"}, safe=",=")
        path = f"/api/dataentities/{entity}/search?{query}"
        rows = await self._get(place, route, path, rest_range=f"resources=0-{rows_max}")
        if not isinstance(rows, list | None):
            raise ObjectFailedError(f"vtex {route} of {place.account}: the answer is no array", status=200)
        return rows or []

    async def _get(self, place: _Place, route: str, path: str, *, rest_range: str | None = None) -> object:
        """The decoded answer of a GET; None for an empty one."""
        answer = await self._call(place, route, "GET", path, rest_range=rest_range)
        return _decode(answer, place, route)

    async def _call(
        self,
        place: _Place,
        route: str,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        rest_range: str | None = None,
    ) -> Answer:
        headers = place.headers if rest_range is None else {**place.headers, "REST-Range": rest_range}
        return await self._outbound.call(
            Route(PROVIDER, route, place.account, THROTTLE_S),
            method,
            place.base_url + path,
            headers=headers,
            content=content,
            priority=place.priority,
        )

    def _find_place(self, account: str, environment: str, credentials: Mapping[str, str], priority: Priority) -> _Place:
        headers = {
            "X-VTEX-API-AppKey": credentials["app_key"],
            "X-VTEX-API-AppToken": credentials["app_token"],
            **_JSON_HEADERS,
        }
        return _Place(account, build_base_url(self._url_template, account, environment), headers, priority)


def _decode(answer: Answer, place: _Place, route: str) -> object:
    """The JSON of an answer; None for an empty one."""
    if not answer.body.strip():
        return None
    try:
        return parse_json(answer.body)
    except MappingError as error:
        message = f"vtex {route} of {place.account}: the answer {error.problem}"
        raise ObjectFailedError(message, status=answer.status) from None


def _quote_id(object_id: str) -> str:
    return quote(object_id, safe="")
