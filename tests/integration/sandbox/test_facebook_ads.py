"""Facebook Ads' client, reader and validation over the sandbox: pages, reports, usage headers, errors, sums."""

import json
import logging
import random
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from app.connectors.facebook_ads.access import FacebookAccess, prove, read_access
from app.connectors.facebook_ads.client import FacebookClient
from app.connectors.facebook_ads.report_reader import REPORT_TRIES_MAX, SpendReportReader
from app.connectors.facebook_ads.spend_reader import LEVELS, SpendReader
from app.connectors.facebook_ads.usage import PAUSE_S, find_pause_s
from app.connectors.facebook_ads.validation import validate
from app.connectors.listing import Access, Position
from app.connectors.tools import Checked
from app.connectors.windows import ReportDays, ReportRows, ReportWindow, plan_windows, write_window
from app.core.errors import (
    CredentialsRefusedError,
    MappingError,
    ObjectFailedError,
    ProviderRefusedError,
    ProviderTimeoutError,
    ThrottledError,
    TooMuchAskedError,
)
from app.core.outbound import Outbound
from app.core.settings import Settings
from app.services.ad_spend import store_window
from app.services.integrations import LiveIntegration
from db.ad_spend import sum_spend
from db.pool import Database
from tests.integration.db.cast import ACME
from tests.integration.sandbox.conftest import NoLimit

FIRST, LAST = date(2026, 10, 20), date(2026, 11, 3)
WINDOW = ReportWindow("campaign", FIRST, LAST)
NOW = datetime(2026, 11, 24, tzinfo=UTC)


class Facebook:
    """The sandbox's Meta with an ad account and a token of its own for this test."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session
        number = random.randrange(10**9)
        self.account, self.app_id, self.token = f"1{number:09}", f"2{number:09}", f"canary-token-{number}"
        self.secret = f"canary-secret-{number}"
        self.budget = NoLimit()
        self.outbound = Outbound(Settings(provider_call_timeout_s=5), self.budget)
        self.client = FacebookClient(self.outbound, base_url=f"{url}/facebook", version="v25.0")
        self.access = FacebookAccess(f"act_{self.account}", self.app_id, self.token, self.secret)

    async def control(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        url = f"{self.url}/_sandbox/facebook/{path}"
        async with self._session.request(method, url, json=body, params=query) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def put(self, **fields: Any) -> None:
        account = {"app_id": self.app_id, "app_secret": self.secret, "tokens": [self.token], **fields}
        await self.control("PUT", "accounts", {self.account: account})

    async def tell(self, route: str, *answers: dict[str, Any]) -> None:
        await self.control("POST", "answers", {"route": route, "answers": list(answers)})

    async def list_truth(self, level: str) -> list[dict[str, Any]]:
        days = {"first": FIRST.isoformat(), "last": LAST.isoformat()}
        rows: list[dict[str, Any]] = await self.control("GET", "truth", account_id=self.account, level=level, **days)
        return rows


@pytest.fixture
async def facebook(sandbox_process: str) -> AsyncIterator[Facebook]:
    async with aiohttp.ClientSession() as session:
        facebook = Facebook(sandbox_process, session)
        await facebook.put()
        yield facebook
        await facebook.outbound.aclose()


@pytest.fixture
def read(facebook: Facebook) -> Callable[..., Any]:
    async def read_window(window: ReportWindow = WINDOW, rows_max: int = 10_000, **access: Any) -> ReportRows:
        told = await SpendReader(facebook.client, rows_max=rows_max).read(facebook.access._replace(**access), window)
        assert told is not None, "its days have begun"
        return told

    return read_window


def error(code: int, subcode: int | None = None, status: int = 400, **headers: str) -> dict[str, Any]:
    told = {"message": "m", "type": "OAuthException", "code": code, "error_subcode": subcode}
    return {"status": status, "headers": headers, "body": {"error": told}}


@pytest.mark.parametrize(("level", "theirs"), [("campaign", "campaign"), ("ad_group", "adset")])
async def test_a_window_is_read_whole(facebook: Facebook, read: Callable[..., Any], level: Any, theirs: str) -> None:
    told = await read(WINDOW._replace(level=level))
    truth = await facebook.list_truth(theirs)
    assert (told.currency, told.time_zone) == ("BRL", "America/Sao_Paulo")
    assert [row.cost_minor for row in told.rows] == [round(float(row["spend"]) * 100) for row in truth]
    assert len(told.rows) > 30
    assert {row.level for row in told.rows} == {level}


async def test_pages_go_on_as_long_as_there_is_a_next_one_empty_or_not(
    facebook: Facebook, read: Callable[..., Any]
) -> None:
    [first, *rest] = await facebook.list_truth("campaign")
    url = f"https://graph.example/?access_token={facebook.token}"
    cursors = [{"cursors": {"after": f"c{n}"}, "next": url} for n in range(3)]
    await facebook.tell(
        "insights",
        {"body": {"data": [first], "paging": cursors[0]}},
        {"body": {"data": [], "paging": cursors[1]}},
        {"body": {"data": rest, "paging": {"cursors": {"after": "c9"}}}},
    )
    assert len((await read()).rows) == len(rest) + 1
    await facebook.tell("insights", *[{"body": {"data": [first], "paging": cursors[0]}}] * 2)
    with pytest.raises(ObjectFailedError, match="leads nowhere"):
        await read()


@pytest.fixture
def walk(facebook: Facebook) -> Callable[..., Any]:
    """Reads a window as a sync does, position by position: what was told, and how long to wait between."""

    async def walk_window(
        window: ReportWindow, *, report_wait_s: float = 900, parts_max: int = 200
    ) -> tuple[list[ReportRows], list[float]]:
        spend = SpendReader(facebook.client, rows_max=10_000)
        reader = SpendReportReader(spend, ReportDays(100, 28, 14), report_wait_s=report_wait_s)
        access = Access(
            facebook.access.account, "", {"access_token": facebook.token, "app_secret": facebook.secret},
            {"ad_account_id": facebook.access.account, "app_id": facebook.app_id},
        )  # fmt: skip
        positions: list[Position] = [write_window(window)]
        told, waits = list[ReportRows](), list[float]()
        while positions:
            assert (parts_max := parts_max - 1) > 0, "no end of it"
            position, *rest = positions
            part = await reader.read(access, json.loads(json.dumps(position)))
            positions = [*part.then, *rest]
            told += [part.told] if part.told else []
            waits += [part.wait_s] if part.wait_s else []
        return told, waits

    return walk_window


async def test_too_much_is_asked_for_in_halves_and_a_single_day_as_a_report(
    facebook: Facebook, read: Callable[..., Any], walk: Callable[..., Any]
) -> None:
    whole = await read()
    await facebook.put(rows_max=1, looks=3)
    with pytest.raises(TooMuchAskedError) as caught:
        await read()
    assert caught.value.told == "100/1487534"
    told, waits = await walk(WINDOW)
    assert sorted(one.window.first for one in told) == [FIRST + timedelta(days=n) for n in range(WINDOW.days)]
    assert {one.window.days for one in told} == {1}
    rows = [row for one in sorted(told, key=lambda one: one.window.first) for row in one.rows]
    assert rows == whole.rows
    assert waits[:4] == [2.0, 4.0, 8.0, 16.0], "ever longer"


async def test_a_report_that_is_not_known_yet_is_looked_at_again_and_one_that_failed_is_begun_anew(
    facebook: Facebook, walk: Callable[..., Any]
) -> None:
    await facebook.put(rows_max=0, looks=0)
    day = ReportWindow("campaign", LAST, LAST)
    await facebook.tell("report", error(100, 33))
    [told], waits = await walk(day)
    assert (told.window, bool(told.rows), waits) == (day, True, [2.0, 4.0])
    failed = {"async_status": "Job Failed", "async_percent_completion": 0}
    coded = {"error_code": -2, "error_subcode": 2490547}
    await facebook.tell("report", {"body": failed | coded}, {"body": failed})
    [told], waits = await walk(day)
    assert (bool(told.rows), waits) == (True, [2.0, 2.0, 2.0])
    await facebook.tell("report", *[{"body": failed | coded}] * REPORT_TRIES_MAX)
    with pytest.raises(ObjectFailedError, match="no report of"):
        await walk(day)


async def test_a_report_that_is_never_made_is_given_up_after_some_tries(
    facebook: Facebook, walk: Callable[..., Any]
) -> None:
    await facebook.put(rows_max=0, looks=10_000)
    before = (await facebook.control("GET", "calls")).get("start_report", 0)
    with pytest.raises(ObjectFailedError, match="no report of"):
        await walk(ReportWindow("campaign", LAST, LAST), report_wait_s=0)
    assert (await facebook.control("GET", "calls"))["start_report"] == before + REPORT_TRIES_MAX


async def test_what_is_not_answered_in_time_although_the_account_is_is_too_much(
    facebook: Facebook, read: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: object) -> object:
        raise ProviderTimeoutError("no answer")

    monkeypatch.setattr(facebook.client, "list_insights", hang)
    with pytest.raises(TooMuchAskedError):
        await read()


@pytest.mark.parametrize(
    ("answer", "kind", "told"),
    [
        (error(190, 463), CredentialsRefusedError, "190/463"),
        (error(190, status=500), CredentialsRefusedError, "190"),
        (error(200, status=403), ProviderRefusedError, "200"),
        (error(100, 1487534), TooMuchAskedError, "100/1487534"),
        (error(1), ObjectFailedError, "1"),
        (error(17, 2446079), ThrottledError, "17/2446079"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_an_error_is_what_its_code_says_whatever_the_status(
    facebook: Facebook, read: Callable[..., Any], answer: dict[str, Any], kind: type[Exception], told: str
) -> None:
    await facebook.tell("insights", answer)
    with pytest.raises(kind) as caught:
        await read()
    assert getattr(caught.value, "told") == told  # noqa: B009
    pauses = {f"facebook_ads:{facebook.app_id}:act_{facebook.account}": 60.0} if kind is ThrottledError else {}
    assert facebook.budget.pauses == pauses


@pytest.mark.parametrize(
    ("headers", "pause_s"),
    [
        ({"x-app-usage": '{"call_count": 74, "total_time": 10}'}, 0.0),
        ({"x-app-usage": '{"call_count": 85, "total_time": 10}'}, 5.0),
        ({"x-app-usage": '{"call_count": 10, "total_cputime": 99}'}, PAUSE_S),
        ({"x-ad-account-usage": '{"acc_id_util_pct": 97.5, "reset_time_duration": 35}'}, 35.0),
        ({"x-business-use-case-usage": '{"1": [{"call_count": 100, "estimated_time_to_regain_access": 12}]}'}, 720.0),
        ({"x-business-use-case-usage": '{"1": [{"call_count": 1}, {"total_time": 96}], "2": []}'}, PAUSE_S),
        ({"x-fb-ads-insights-throttle": '{"app_id_util_pct": 100, "acc_id_util_pct": 1}'}, PAUSE_S),
        ({"x-app-usage": "no JSON", "x-ad-account-usage": "[]"}, 0.0),
        ({}, 0.0),
    ],
)
async def test_usage_headers_of_good_answers_are_obeyed(
    facebook: Facebook, headers: dict[str, str], pause_s: float
) -> None:
    assert find_pause_s(headers) == pytest.approx(pause_s)
    await facebook.put(usage=headers)
    await facebook.client.get_account(facebook.access)
    assert list(facebook.budget.pauses.values()) == ([pytest.approx(pause_s)] if pause_s else [])


async def test_the_proof_is_sent_where_there_is_a_secret(facebook: Facebook, read: Callable[..., Any]) -> None:
    await facebook.put(is_proof_needed=True)
    assert (await read()).rows
    with pytest.raises(ProviderRefusedError):
        await read(app_secret=None)


def test_the_proof_of_a_known_token_is_what_it_was() -> None:
    proof = "bd87197841b17fd94597a3a6b68292b25e32a9059d0f2fdebbf359abbe0c3379"
    assert prove("EXAMPLE_SECRET", "EXAMPLE_TOKEN") == proof


async def test_no_token_secret_or_next_page_is_logged_or_told(
    facebook: Facebook, read: Callable[..., Any], caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    [row, *_] = await facebook.list_truth("campaign")
    paging = {"cursors": {}, "next": f"https://graph.example/?access_token={facebook.token}"}
    await facebook.tell("insights", {"body": {"data": [row], "paging": paging}}, error(190), {"body": "no page"})
    told = []
    for kind in (MappingError, CredentialsRefusedError, MappingError):
        with pytest.raises(kind) as caught:
            await read()
        told.append(repr(caught.value))
    await read()
    assert "canary" not in " ".join([*told, caplog.text, *capsys.readouterr()])


def list_codes(found: Checked) -> list[str]:
    return [finding.code for finding in found.findings]


async def test_each_wrong_thing_is_found_by_its_name(facebook: Facebook) -> None:
    async def look(**changes: Any) -> list[str]:
        found = await validate(facebook.client, facebook.access._replace(**changes), NOW)
        assert "canary" not in str(found)
        return list_codes(found)

    assert await look() == ["all_fine"]
    assert await look(app_secret=None) == ["not_looked_into", "all_fine"]
    assert await look(app_secret="x") == ["wrong_secret"]
    assert await look(access_token="x") == ["reconnect"]
    await facebook.tell("debug_token", error(100))
    assert await look() == ["wrong_app"]
    assert await look(account="act_5") == ["no_access"]
    await facebook.put(token_facts={"app_id": "77"})
    assert await look() == ["wrong_app"]
    await facebook.put(token_facts={"scopes": ["email"]})
    assert await look() == ["scope_missing"]
    await facebook.put(token_facts={"data_access_expires_at": int(NOW.timestamp()) - 5})
    assert await look() == ["data_access_ended"]
    await facebook.put(is_proof_needed=True)
    assert await look(app_secret=None) == ["not_looked_into", "proof_needed"]
    await facebook.put(account_status=2)
    assert await look() == ["account_not_active"]
    await facebook.tell("account", error(80004), {"status": 502, "body": "x"}, error(368))
    assert await look() == ["provider_throttled"]
    assert await look() == ["provider_unavailable"]
    assert await look() == ["provider_refused"]


async def test_the_end_of_a_token_is_warned_of_ahead(facebook: Facebook) -> None:
    for days, codes in ((13, ["token_ends"]), (15, ["all_fine"])):
        ends_at = NOW + timedelta(days=days)
        await facebook.put(token_facts={"expires_at": int(ends_at.timestamp())})
        found = await validate(facebook.client, facebook.access, NOW)
        assert (list_codes(found), found.is_valid, found.ends_at) == (codes, True, ends_at)


def test_access_is_read_from_the_declared_fields() -> None:
    assert read_access({"ad_account_id": "act_1", "app_id": "2"}, {"access_token": "t"}).app_secret is None
    for config, credentials in (
        ({"ad_account_id": "act_1/x"}, {"access_token": "t"}),
        ({"ad_account_id": "act_1"}, {}),
    ):
        with pytest.raises(MappingError):
            read_access(config, credentials)


async def test_sums_are_the_providers_after_late_corrections(
    facebook: Facebook, read: Callable[..., Any], open_database: Callable[..., Any]
) -> None:
    syncer: Database = await open_database("syncer")
    integration = LiveIntegration(ACME, 1, "facebook_ads", f"act_{facebook.account}", "", {}, "active")

    async def sync() -> None:
        for window in plan_windows(LEVELS, FIRST, LAST, days_max=7):
            told = await read(window)
            async with syncer.tenant_tx(ACME, "test") as connection:
                await store_window(connection, integration, told, mapper_version=1)

    async def compare() -> bool:
        truth: dict[str, int] = {}
        for row in await facebook.list_truth("campaign"):
            truth[row["date_start"]] = truth.get(row["date_start"], 0) + round(float(row["spend"]) * 100)
        async with syncer.tenant_tx(ACME, "test") as connection:
            sums = await sum_spend(connection, ACME, FIRST, LAST)
        return {one.day.isoformat(): one.cost_minor for one in sums} == truth

    await sync()
    assert await compare()
    correction = {"account_id": facebook.account, "first": "2026-10-25", "last": "2026-10-30"}
    await facebook.control("POST", "corrections", correction)
    assert not await compare()
    await sync()
    assert await compare()
