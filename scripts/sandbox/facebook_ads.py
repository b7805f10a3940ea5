"""Meta's Graph API as far as Acequia calls it: debug_token, the ad account, insights by day, reports made for later.

Under `/facebook/v25.0`. Remote control under `/_sandbox/facebook`: see README.md. Rows come as Meta's do: numbers as
text, what has no value left out, purchases told by three overlapping types, `paging.next` with the token in it.
"""

import hmac
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import count
from typing import Any
from urllib.parse import parse_qs

from scripts.sandbox.ad_days import begin_growing, find_share, find_today, grow
from scripts.sandbox.asgi import Reply, Request, answer_json
from scripts.sandbox.google_figures import list_days
from scripts.sandbox.seeds import hash_words

VERSIONS = ("v25.0", "v26.0")


@dataclass
class Account:
    """`rows_max`: of an answer made at once; more is "too much data". `looks`: how often a report is looked at until it
    is made. `is_proof_needed`: the app asks for appsecret_proof. `grown_until`: where figures end of an account that
    lives, in place of `last_day`."""

    account_id: str
    app_id: str = "1"
    app_secret: str = ""
    tokens: list[str] = field(default_factory=list)
    token_facts: dict[str, Any] = field(default_factory=dict)
    currency: str = "BRL"
    time_zone: str = "America/Sao_Paulo"
    account_status: int = 1
    seed: int = 1
    campaigns: int = 3
    adsets: int = 2
    first_day: str = "2026-10-01"
    last_day: str = "2026-11-24"
    rows_max: int = 100_000
    looks: int = 2
    is_proof_needed: bool = False
    usage: dict[str, str] = field(default_factory=dict)
    revisions: dict[str, int] = field(default_factory=dict)
    grown_until: datetime | None = None

    @property
    def end(self) -> str:
        """The last day that has figures."""
        until = self.grown_until
        return self.last_day if until is None else find_today(until, self.time_zone).isoformat()

    def correct(self, first: date, last: date) -> None:
        """The figures of these days become others."""
        for day in list_days(first, last):
            self.revisions[day.isoformat()] = self.revisions.get(day.isoformat(), 0) + 1

    def list_rows(self, level: str, first: str, last: str) -> list[dict[str, Any]]:
        begin, end = max(first, self.first_day), min(last, self.end)
        rows = []
        for day in list_days(date.fromisoformat(begin), date.fromisoformat(end)) if begin <= end else ():
            for campaign in range(self.campaigns):
                parts = [(adset, self._find(day, campaign, adset)) for adset in range(self.adsets)]
                told = [(adset, cents) for adset, cents in parts if cents]
                if level == "adset":
                    rows += [self._show(day, campaign, cents, adset) for adset, cents in told]
                elif told:
                    rows.append(self._show(day, campaign, sum(cents for _, cents in told), None))
        return rows

    def _find(self, day: date, campaign: int, adset: int) -> int:
        value = hash_words(self.seed, day, campaign, adset, self.revisions.get(day.isoformat(), 0))
        share = find_share(day, self.grown_until, self.time_zone)
        return 0 if value % 6 == 0 else int(value % 100_000 * share)

    def _show(self, day: date, campaign: int, cents: int, adset: int | None) -> dict[str, Any]:
        purchases = cents % 9
        row: dict[str, Any] = {
            "account_id": self.account_id,
            "account_currency": self.currency,
            "campaign_id": str(23_850_000 + campaign),
            "campaign_name": f"Campanha {campaign}",
            "impressions": str(cents * 3),
            "clicks": str(cents % 50),
            "spend": f"{cents / 100:.2f}".removesuffix(".00"),
            "date_start": day.isoformat(),
            "date_stop": day.isoformat(),
        }
        if purchases:
            kinds = ("omni_purchase", "purchase", "offsite_conversion.fb_pixel_purchase")
            row["actions"] = [{"action_type": "link_click", "value": "12"}]
            row["actions"] += [{"action_type": kind, "value": str(purchases)} for kind in kinds]
            row["action_values"] = [{"action_type": kind, "value": f"{purchases * 99.9:.2f}"} for kind in kinds]
        if adset is not None:
            row |= {"adset_id": str(90_000_000 + campaign * 100 + adset), "adset_name": f"Público {adset}"}
        return row


class RefusedError(Exception):
    def __init__(self, code: int, subcode: int | None = None, status: int = 400, message: str = "refused") -> None:
        super().__init__(code)
        error: dict[str, Any] = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "sandbox"}
        if subcode is not None:
            error["error_subcode"] = subcode
        self.reply = answer_json({"error": error}, status)


class FacebookAds:
    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.calls: Counter[str] = Counter()
        self.told: dict[str, list[dict[str, Any]]] = {}
        self._reports: dict[str, tuple[str, dict[str, str], int]] = {}  # id → account, parameters, looks to come
        self._ids = count(6_000_000_001)

    async def answer(self, request: Request) -> Reply:
        body = parse_qs((await request.read_body()).decode("latin-1"))
        params = {**request.query, **{name: values[-1] for name, values in body.items()}}
        route = self._name_route(request)
        self.calls[route] += 1
        if self.told.get(route):
            told = self.told[route].pop(0)
            headers = tuple((k.encode(), str(v).encode()) for k, v in told.get("headers", {}).items())
            return answer_json(told.get("body"), int(told.get("status", 200)), headers)
        try:
            if request.parts[1] not in VERSIONS:
                raise RefusedError(2635, message="ended version")
            return self._answer(route, request, params)
        except RefusedError as refused:
            return refused.reply

    async def control(self, request: Request) -> Reply:
        body = await request.read_json()
        match request.method, request.parts[2:]:
            case "PUT", ["accounts"]:
                for account_id, fields in body.items():
                    self.accounts[account_id] = _read_account(account_id, fields)
            case "POST", ["corrections"]:
                days = (date.fromisoformat(body[name]) for name in ("first", "last"))
                self.accounts[body["account_id"]].correct(*days)
            case "POST", ["growth"]:
                until = datetime.fromisoformat(body["until"]) if "until" in body else None
                grow(self.accounts[body["account_id"]], until)
            case "POST", ["answers"]:
                self.told.setdefault(body["route"], []).extend(body["answers"])
            case "GET", ["calls"]:
                return answer_json(dict(self.calls))
            case "GET", ["truth"]:
                query = request.query
                account = self.accounts[query["account_id"]]
                return answer_json(account.list_rows(query["level"], query["first"], query["last"]))
            case _:
                return answer_json({"error": "see the sandbox's README.md"}, 404)
        return answer_json({})

    def _name_route(self, request: Request) -> str:
        parts = request.parts[2:]
        if parts == ["debug_token"]:
            return "debug_token"
        if parts[1:] == ["insights"]:
            return "start_report" if request.method == "POST" else "insights"
        return "report" if parts and parts[0] in self._reports else "account"

    def _answer(self, route: str, request: Request, params: dict[str, str]) -> Reply:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if route == "debug_token":
            return self._debug(token, params)
        report_id = request.parts[2] if request.parts[2] in self._reports else None
        account_id = self._reports[report_id][0] if report_id else request.parts[2].removeprefix("act_")
        account = self.accounts.get(account_id)
        if not any(token in one.tokens for one in self.accounts.values()):
            raise RefusedError(190, 463)
        if account is None or token not in account.tokens:
            raise RefusedError(100, 33)
        proof = hmac.new(account.app_secret.encode(), token.encode(), "sha256").hexdigest()
        if params.get("appsecret_proof", proof) != proof or (
            account.is_proof_needed and "appsecret_proof" not in params
        ):
            raise RefusedError(100, message="API calls from the server require an appsecret_proof argument")
        headers = tuple((name.encode(), value.encode()) for name, value in account.usage.items())
        return answer_json(self._tell(route, account, params, token, report_id), 200, headers)

    def _debug(self, token: str, params: dict[str, str]) -> Reply:
        app_id, _, secret = token.partition("|")
        found = [one for one in self.accounts.values() if (one.app_id, one.app_secret) == (app_id, secret)]
        if not found:
            raise RefusedError(190)
        known = [one for one in found if params.get("input_token") in one.tokens]
        facts: dict[str, Any] = {"app_id": app_id, "is_valid": bool(known), "scopes": ["ads_read"], "expires_at": 0}
        return answer_json({"data": facts | (known[0].token_facts if known else {})})

    def _tell(
        self, route: str, account: Account, params: dict[str, str], token: str, report_id: str | None
    ) -> dict[str, Any]:
        if route == "account":
            return {
                "id": f"act_{account.account_id}",
                "account_id": account.account_id,
                "account_status": account.account_status,
                "currency": account.currency,
                "timezone_name": account.time_zone,
            }
        if route == "start_report":
            made = str(next(self._ids))
            self._reports[made] = (account.account_id, params, account.looks)
            return {"report_run_id": made}
        if route == "report" and report_id:
            owner, asked, looks = self._reports[report_id]
            self._reports[report_id] = (owner, asked, max(0, looks - 1))
            status = ("Job Completed", 100) if not looks else ("Job Running", 100 - looks)
            return {"id": report_id, "async_status": status[0], "async_percent_completion": status[1]}
        asked = self._reports[report_id][1] if report_id else params
        days = json.loads(asked["time_range"])
        rows = account.list_rows(asked["level"], days["since"], days["until"])
        if report_id is None and len(rows) > account.rows_max:
            raise RefusedError(100, 1487534, message="Please reduce the amount of data")
        start, limit = int(params.get("after", "0")), int(params.get("limit", "25"))
        paging: dict[str, Any] = {"cursors": {"before": str(start), "after": str(start + limit)}}
        if start + limit < len(rows):
            paging["next"] = f"https://graph.example/insights?access_token={token}&after={start + limit}"
        return {"data": rows[start : start + limit], "paging": paging}


def _read_account(account_id: str, fields: dict[str, Any]) -> Account:
    known = dict(fields)
    if "history_days" in known:
        zone = known.get("time_zone", Account.time_zone)
        until, first_day = begin_growing(int(known.pop("history_days")), zone)
        known |= {"grown_until": until, "first_day": first_day.isoformat()}
    return Account(account_id, **known)
