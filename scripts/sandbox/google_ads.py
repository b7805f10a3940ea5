"""Google Ads as far as Acequia calls it: the token endpoint, the accounts that can be reached, and search.

Under `/google`: `POST /google/token`, `GET /google/v25/customers:listAccessibleCustomers`,
`POST /google/v25/customers/{id}/googleAds:search`. Remote control under `/_sandbox/google`: see README.md.
"""

import re
import secrets
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import count, islice
from typing import Any
from urllib.parse import parse_qs

import orjson

from scripts.sandbox.ad_days import begin_growing, grow
from scripts.sandbox.asgi import Reply, Request, answer_json
from scripts.sandbox.google_figures import AdAccount

VERSIONS = ("v25", "v26")
ISSUED_KEPT = 20_000
_QUERY = re.compile(r"(?:SELECT) (?P<fields>[a-z0-9_., ]+) FROM (?P<table>[a-z_]+)(?P<rest>.*)", re.DOTALL)
_BETWEEN = re.compile(r"segments\.date BETWEEN '(\d{4}-\d\d-\d\d)' AND '(\d{4}-\d\d-\d\d)'")
_KNOWN = {
    "segments": {"date"},
    "customer": {"id", "descriptive_name", "currency_code", "time_zone", "manager", "test_account", "status"},
    "customer_client": {"id", "level", "manager", "descriptive_name", "status"},
    "campaign": {"id", "name"},
    "ad_group": {"id", "name"},
    "metrics": {"impressions", "clicks", "cost_micros", "conversions", "conversions_value"},
}


@dataclass
class Grant:
    """An authorisation: of which client, and which accounts it reaches directly."""

    client_id: str
    client_secret: str
    customers: list[str] = field(default_factory=list)


class RefusedError(Exception):
    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status)
        self.reply = answer_json(body, status)


class GoogleAds:
    def __init__(self) -> None:
        self.accounts: dict[str, AdAccount] = {}
        self.grants: dict[str, Grant] = {}
        self.calls: Counter[str] = Counter()
        self.told: dict[str, list[dict[str, Any]]] = {}  # answers to be given first, by route
        self._tokens: dict[str, str] = {}  # access token → refresh token
        self._pages: dict[str, tuple[str, str, int]] = {}  # page token → account, query, from where
        self._ids = count(1)
        self.issued: deque[str] = deque(maxlen=ISSUED_KEPT)  # all access tokens, for tests that look for them

    async def answer(self, request: Request) -> Reply:
        route, body = _name_route(request), await request.read_body()
        self.calls[route] += 1
        if self.told.get(route):
            told = self.told[route].pop(0)
            headers = tuple((k.encode(), str(v).encode()) for k, v in told.get("headers", {}).items())
            return answer_json(told.get("body"), int(told.get("status", 200)), headers)
        try:
            if route == "token":
                return answer_json(self._refresh(body))
            grant = self._authenticate(request)
            if request.parts[1] not in VERSIONS:
                raise _refuse(400, "INVALID_ARGUMENT", "requestError", "UNSUPPORTED_VERSION")
            if route == "list":
                return answer_json({"resourceNames": [f"customers/{one}" for one in grant.customers]})
            if route == "search":
                return answer_json(self._search(request, grant, body))
        except RefusedError as refused:
            return refused.reply
        return answer_json({"error": {"code": 404, "status": "NOT_FOUND", "message": "no such route"}}, 404)

    async def control(self, request: Request) -> Reply:
        body = await request.read_json()
        match request.method, request.parts[2:]:
            case "PUT", ["accounts"]:
                for customer_id, fields in body.items():
                    self.accounts[customer_id] = AdAccount(customer_id, **_read_days(fields))
            case "PUT", ["grants"]:
                self.grants.update({token: Grant(**fields) for token, fields in body.items()})
            case "DELETE", ["grants", token]:
                del self.grants[token]
            case "DELETE", ["tokens"]:
                self._tokens.clear()
            case "DELETE", ["pages"]:
                self._pages.clear()
            case "POST", ["corrections"]:
                days = (date.fromisoformat(body[name]) for name in ("first", "last"))
                self.accounts[body["customer_id"]].correct(*days)
            case "POST", ["growth"]:
                until = datetime.fromisoformat(body["until"]) if "until" in body else None
                grow(self.accounts[body["customer_id"]], until)
            case "POST", ["answers"]:
                self.told.setdefault(body["route"], []).extend(body["answers"])
            case "GET", [name]:
                return self._show_control(name, request.query)
            case _:
                return answer_json({"error": "see the sandbox's README.md"}, 404)
        return answer_json({})

    def _show_control(self, name: str, query: dict[str, str]) -> Reply:
        if name == "calls":
            return answer_json(dict(self.calls))
        if name == "issued":
            return answer_json(list(self.issued))
        if name == "truth":
            days = (date.fromisoformat(query[end]) for end in ("first", "last"))
            return answer_json(list(self.accounts[query["customer_id"]].list_rows(query["level"], *days)))
        return answer_json({"error": "see the sandbox's README.md"}, 404)

    def _refresh(self, body: bytes) -> dict[str, Any]:
        form = {name: values[-1] for name, values in parse_qs(body.decode("latin-1")).items()}
        grant = self.grants.get(form.get("refresh_token", ""))
        known = [one for one in self.grants.values() if one.client_id == form.get("client_id")]
        if known and known[0].client_secret != form.get("client_secret"):
            raise RefusedError(401, {"error": "invalid_client", "error_description": "Unauthorized"})
        if grant is None or grant.client_id != form.get("client_id"):
            text = "Token has been expired or revoked."
            raise RefusedError(400, {"error": "invalid_grant", "error_description": text})
        token = f"ya29.{secrets.token_urlsafe(40)}"
        self.issued.append(token)
        self._tokens[token] = form["refresh_token"]
        return {"access_token": token, "expires_in": 3_599, "scope": "adwords", "token_type": "Bearer"}

    def _authenticate(self, request: Request) -> Grant:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        refresh_token = self._tokens.get(token)
        if refresh_token is None:
            raise _refuse(401, "UNAUTHENTICATED")
        if refresh_token not in self.grants:
            raise _refuse(401, "UNAUTHENTICATED", "authenticationError", "OAUTH_TOKEN_REVOKED")
        return self.grants[refresh_token]

    def _search(self, request: Request, grant: Grant, body: bytes) -> dict[str, Any]:
        account = self._reach(request, grant)
        asked = orjson.loads(body)
        if "pageSize" in asked:
            raise _refuse(400, "INVALID_ARGUMENT", "requestError", "PAGE_SIZE_NOT_SUPPORTED")
        query, start = asked["query"], 0
        if asked.get("pageToken"):
            if asked["pageToken"] not in self._pages:
                raise _refuse(400, "INVALID_ARGUMENT", "requestError", "EXPIRED_PAGE_TOKEN")
            customer_id, told, start = self._pages[asked["pageToken"]]
            if (customer_id, told) != (account.customer_id, query):
                raise _refuse(400, "INVALID_ARGUMENT", "requestError", "INVALID_PAGE_TOKEN")
        rows = list(islice(self._select(account, query), start, start + account.page_rows + 1))
        answer: dict[str, Any] = {"fieldMask": "…", "queryResourceConsumption": "1"}
        if rows:  # what is empty is left out
            answer["results"] = rows[: account.page_rows]
        if len(rows) > account.page_rows:
            answer["nextPageToken"] = f"page-{next(self._ids)}"
            self._pages[answer["nextPageToken"]] = (account.customer_id, query, start + account.page_rows)
        return answer

    def _reach(self, request: Request, grant: Grant) -> AdAccount:
        account = self.accounts.get(request.parts[3])
        manager = self.accounts.get(request.headers.get("login-customer-id", ""))
        is_direct = account is not None and account.customer_id in grant.customers
        is_managed = (
            account is not None
            and manager is not None
            and manager.customer_id in grant.customers
            and account.customer_id in (*manager.children, manager.customer_id)
        )
        if account is None or not (is_managed if "login-customer-id" in request.headers else is_direct):
            raise _refuse(403, "PERMISSION_DENIED", "authorizationError", "USER_PERMISSION_DENIED")
        if account.status != "ENABLED":
            raise _refuse(403, "PERMISSION_DENIED", "authorizationError", "CUSTOMER_NOT_ENABLED")
        return account

    def _select(self, account: AdAccount, query: str) -> Any:
        found = _QUERY.fullmatch(query)
        if found is None:
            raise _refuse(400, "INVALID_ARGUMENT", "queryError", "QUERY_ERROR")
        fields = (name.strip().partition(".") for name in found["fields"].split(","))
        if any(name not in _KNOWN.get(resource, ()) for resource, _, name in fields):
            raise _refuse(400, "INVALID_ARGUMENT", "queryError", "UNRECOGNIZED_FIELD")
        if found["table"] == "customer":
            return iter([{"customer": self._show(account)}])
        if found["table"] == "customer_client":
            children = [self.accounts[one] for one in (account.customer_id, *account.children) if one in self.accounts]
            return iter([{"customerClient": self._show(child)} for child in children])
        days = _BETWEEN.search(found["rest"])
        if days is None:
            raise _refuse(400, "INVALID_ARGUMENT", "queryError", "EXPECTED_FILTERS_ON_DATE_RANGE")
        if account.is_manager:
            raise _refuse(400, "INVALID_ARGUMENT", "queryError", "REQUESTED_METRICS_FOR_MANAGER")
        return account.list_rows(found["table"], date.fromisoformat(days[1]), date.fromisoformat(days[2]))

    def _show(self, account: AdAccount) -> dict[str, Any]:
        return {
            "resourceName": f"customers/{account.customer_id}",
            "id": account.customer_id,
            "descriptiveName": account.name,
            "currencyCode": account.currency,
            "timeZone": account.time_zone,
            "manager": account.is_manager,
            "testAccount": False,
            "status": account.status,
        }


def _name_route(request: Request) -> str:
    if request.parts[1:] == ["token"]:
        return "token"
    if request.parts[2:] == ["customers:listAccessibleCustomers"]:
        return "list"
    is_search = len(request.parts) == 5 and request.parts[4] == "googleAds:search"
    return "search" if is_search else "unknown"


def _read_days(fields: dict[str, Any]) -> dict[str, Any]:
    known: dict[str, Any] = {
        name: date.fromisoformat(value) if name in ("first_day", "last_day") else value
        for name, value in fields.items()
    }
    if "history_days" in known:
        zone = known.get("time_zone", AdAccount.time_zone)
        known["grown_until"], known["first_day"] = begin_growing(int(known.pop("history_days")), zone)
    return known


def _refuse(status: int, word: str, family: str = "", value: str = "") -> RefusedError:
    error: dict[str, Any] = {"code": status, "status": word, "message": "refused by the sandbox"}
    if family:
        kind = "type.googleapis.com/google.ads.googleads.v25.errors.GoogleAdsFailure"
        told = {"errorCode": {family: value}, "message": "refused by the sandbox"}
        error["details"] = [{"@type": kind, "errors": [told], "requestId": "sandbox"}]
    return RefusedError(status, {"error": error})
