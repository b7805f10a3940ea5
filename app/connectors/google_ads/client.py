"""Google Ads' API as far as it is needed, over REST: which accounts can be reached, one account, and pages of a query.

Quota is counted by Cloud project, so all tenants of one OAuth client share a budget. An access token that ended early
is replaced once. Errors are those of app.core.errors: what `Outbound.call` raises, with what Google's body says of it:
CredentialsRefusedError for a dead authorisation, ProviderRefusedError for what somebody must change, ThrottledError,
PositionLostError for a page token that has ended.
"""

from collections.abc import Mapping
from typing import NamedTuple

import orjson

from app.connectors.google_ads.access import GoogleAccess
from app.connectors.google_ads.errors import classify, judge_answer
from app.connectors.google_ads.queries import CHILDREN, CUSTOMER
from app.connectors.google_ads.tokens import AccessTokens
from app.connectors.reading import JsonObject, parse_json
from app.connectors.verdict import ErrorAnswer, make_error
from app.core.errors import AccessTokenEndedError, CredentialsRefusedError, MappingError, ObjectFailedError
from app.core.outbound import Outbound, Priority, Route

PROVIDER = "google_ads"
CHILDREN_MAX = 1_000


class Customer(NamedTuple):
    """An account. `currency` and `time_zone`: of its figures and days. `is_manager`: it has accounts and no figures."""

    customer_id: str
    name: str | None
    currency: str | None
    time_zone: str | None
    is_manager: bool
    is_test: bool
    status: str | None


class _Ask(NamedTuple):
    route: str
    method: str
    path: str
    content: bytes | None
    priority: Priority


class GoogleAdsClient:
    """`base_url`: of the API, without the version. `version`: as in `v25`; one lives about a year."""

    def __init__(self, outbound: Outbound, *, base_url: str, token_url: str, version: str) -> None:
        self._outbound = outbound
        self._base_url = base_url.rstrip("/")
        self._version = version
        self._tokens = AccessTokens(outbound, token_url)

    async def list_accessible_customers(self, access: GoogleAccess, *, priority: Priority = "live") -> list[str]:
        """Ids of the accounts that the authorisation reaches directly. It takes no account, and no manager's id."""
        ask = _Ask("list_customers", "GET", "customers:listAccessibleCustomers", None, priority)
        names = JsonObject(await self._call(access._replace(login_customer_id=None), ask)).peek("resourceNames")
        texts = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
        ids = (text.removeprefix("customers/") for text in texts)
        return [one for one in ids if one.isascii() and one.isdecimal()]

    async def get_customer(self, access: GoogleAccess, *, priority: Priority = "live") -> Customer:
        """The account itself."""
        page = await self.search(access, "get_customer", CUSTOMER, priority=priority)
        rows = JsonObject(page).get_objects("results")
        if not rows:
            raise ObjectFailedError("google_ads get_customer: the answer has no row", status=200)
        return _read_customer(rows[0].get_object("customer"))

    async def list_children(self, access: GoogleAccess, *, priority: Priority = "live") -> list[Customer]:
        """The accounts directly below a manager, without itself."""
        page = await self.search(access, "list_children", CHILDREN, priority=priority)
        rows = JsonObject(page).get_objects("results")[:CHILDREN_MAX]
        found = (_read_customer(row.get_object("customerClient")) for row in rows)
        return [one for one in found if one.customer_id != access.customer_id]

    async def search(
        self,
        access: GoogleAccess,
        route: str,
        query: str,
        page_token: str | None = None,
        *,
        priority: Priority = "batch",
    ) -> Mapping[str, object]:
        """A page of a query's answer: 10,000 rows at most; `nextPageToken` where it goes on."""
        body = {"query": query} if page_token is None else {"query": query, "pageToken": page_token}
        path = f"customers/{access.customer_id}/googleAds:search"
        return await self._call(access, _Ask(route, "POST", path, orjson.dumps(body), priority))

    async def _call(self, access: GoogleAccess, ask: _Ask) -> Mapping[str, object]:
        token = await self._tokens.get(access, ask.priority)
        try:
            return await self._send(access, token, ask)
        except AccessTokenEndedError:
            token = await self._tokens.get(access, ask.priority, refused=token)
        try:
            return await self._send(access, token, ask)
        except AccessTokenEndedError as error:
            # A fresh one is not taken either: refreshing again would only go round.
            raise CredentialsRefusedError(str(error), status=401, told=error.told) from None

    async def _send(self, access: GoogleAccess, token: str, ask: _Ask) -> Mapping[str, object]:
        name = f"{PROVIDER} {ask.route} of {access.customer_id}"
        answer = await self._outbound.call(
            Route(PROVIDER, ask.route, access.customer_id, counted_by=access.project),
            ask.method,
            f"{self._base_url}/{self._version}/{ask.path}",
            headers=_write_headers(access, token),
            content=ask.content,
            priority=ask.priority,
            judge=lambda refusal: judge_answer(name, refusal),
        )
        try:
            document = parse_json(answer.body)
        except MappingError as error:
            raise ObjectFailedError(f"{name}: the answer {error.problem}", status=answer.status) from None
        verdict = classify(ErrorAnswer(answer.status, answer.headers, document))
        if verdict is not None:
            raise make_error(name, answer.status, verdict)
        if not isinstance(document, dict):
            raise ObjectFailedError(f"{name}: the answer is no object", status=answer.status)
        return document


def _write_headers(access: GoogleAccess, token: str) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Accept": "application/json"}
    if access.login_customer_id:
        headers["login-customer-id"] = access.login_customer_id
    if access.developer_token:
        headers["developer-token"] = access.developer_token
    return headers


def _read_customer(found: JsonObject) -> Customer:
    return Customer(
        customer_id=found.find_text("id", chars_max=20) or "",
        name=found.find_text("descriptiveName", chars_max=200),
        currency=found.find_text("currencyCode", chars_max=3),
        time_zone=found.find_text("timeZone", chars_max=100),
        is_manager=found.find_flag("manager") is True,
        is_test=found.find_flag("testAccount") is True,
        status=found.find_text("status", chars_max=40),
    )
