"""Google Ads' client, reader and validation over the sandbox: tokens, pages, errors in every form, exact windows."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date, timedelta
from typing import Any

import aiohttp
import pytest

from app.connectors.google_ads.access import GoogleAccess, read_access
from app.connectors.google_ads.client import GoogleAdsClient
from app.connectors.google_ads.spend_reader import LEVELS, SpendReader
from app.connectors.google_ads.validation import validate
from app.connectors.tools import Checked
from app.connectors.windows import ReportRows, ReportWindow, plan_windows
from app.core.errors import (
    CredentialsRefusedError,
    MappingError,
    ObjectFailedError,
    PositionLostError,
    ProviderRefusedError,
    ProviderUnavailableError,
    ThrottledError,
    TooMuchAskedError,
)
from app.core.outbound import Outbound
from app.core.settings import Settings
from app.services.ad_spend import store_window
from app.services.integrations import LiveIntegration
from db.ad_spend import SpendSum, sum_spend
from db.pool import Database
from tests.integration.db.cast import ACME, GLOBEX
from tests.integration.sandbox.conftest import NoLimit

FIRST, LAST = date(2026, 10, 20), date(2026, 11, 3)
WINDOW = ReportWindow("campaign", FIRST, LAST)


class Google:
    """The sandbox's Google with an account, a manager above it, and a grant of its own for this test."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session
        number = random.randrange(10**9)
        self.account, self.manager, self.other = (f"{digit}{number:09}" for digit in (1, 2, 3))
        self.client_id, self.grant = f"client-{number}.apps", f"1//grant-{number}"
        self.budget = NoLimit()
        self.outbound = Outbound(Settings(provider_call_timeout_s=5), self.budget)
        self.client = self.make_client()
        self.access = GoogleAccess(self.account, None, self.client_id, "secret-canary", self.grant)

    def make_client(self, version: str = "v25") -> GoogleAdsClient:
        base_url, token_url = f"{self.url}/google", f"{self.url}/google/token"
        return GoogleAdsClient(self.outbound, base_url=base_url, token_url=token_url, version=version)

    async def control(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        url = f"{self.url}/_sandbox/google/{path}"
        async with self._session.request(method, url, json=body, params=query) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def put(self, **fields: Any) -> None:
        """The account with these fields, as it was otherwise."""
        manager = {"is_manager": True, "children": [self.account, self.other]}
        accounts = {self.account: fields, self.other: {"currency": "USD"}, self.manager: manager}
        await self.control("PUT", "accounts", accounts)
        await self.put_grant([self.account])

    async def put_grant(self, customers: Sequence[str]) -> None:
        grant = {"client_id": self.client_id, "client_secret": "secret-canary", "customers": list(customers)}
        await self.control("PUT", "grants", {self.grant: grant})

    async def tell(self, route: str, *answers: dict[str, Any]) -> None:
        """Answers that the sandbox gives first."""
        await self.control("POST", "answers", {"route": route, "answers": list(answers)})

    async def count(self) -> dict[str, int]:
        counted: dict[str, int] = await self.control("GET", "calls")
        return counted

    async def list_truth(self, level: str, first: date, last: date) -> list[dict[str, Any]]:
        days = {"first": first.isoformat(), "last": last.isoformat()}
        rows: list[dict[str, Any]] = await self.control("GET", "truth", customer_id=self.account, level=level, **days)
        return rows


@pytest.fixture
async def google(sandbox_process: str) -> AsyncIterator[Google]:
    async with aiohttp.ClientSession() as session:
        google = Google(sandbox_process, session)
        await google.put()
        yield google
        await google.outbound.aclose()


@pytest.fixture
def read(google: Google) -> Callable[..., Any]:
    async def read_window(window: ReportWindow = WINDOW, rows_max: int = 10_000, **access: Any) -> ReportRows:
        told = await SpendReader(google.client, rows_max=rows_max).read(google.access._replace(**access), window)
        assert told is not None, "its days have begun"
        return told

    return read_window


def failure(family: str, value: str, code: int, status: str, **more: Any) -> dict[str, Any]:
    errors = [{"errorCode": {family: value}, "message": "m", **more}]
    return {"error": {"code": code, "status": status, "message": "m", "details": [{"errors": errors}]}}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("page_rows", [10_000, 7, 1])
async def test_a_window_is_read_whole_whatever_the_pages(
    google: Google, read: Callable[..., Any], level: Any, page_rows: int
) -> None:
    await google.put(page_rows=page_rows)
    told = await read(WINDOW._replace(level=level))
    truth = await google.list_truth(level, FIRST, LAST)
    assert (told.currency, told.time_zone) == ("ARS", "America/Argentina/Buenos_Aires")
    assert len(told.rows) == len(truth) > 30
    assert sum(row.cost_minor for row in told.rows) * 10_000 == sum(
        int(row["metrics"].get("costMicros", 0)) for row in truth
    )
    assert {row.level for row in told.rows} == {level}
    assert {row.account_id for row in told.rows} == {google.account}


async def test_days_without_spend_have_a_currency_and_no_rows(google: Google, read: Callable[..., Any]) -> None:
    told = await read(ReportWindow("campaign", date(2026, 1, 1), date(2026, 1, 31)))
    assert (told.currency, told.rows) == ("ARS", [])


async def test_one_token_serves_until_its_hour_is_over(google: Google, read: Callable[..., Any]) -> None:
    before = (await google.count()).get("token", 0)
    await asyncio.gather(*(read() for _ in range(5)))
    assert (await google.count())["token"] == before + 1


async def test_a_token_that_ended_early_is_replaced_once(google: Google, read: Callable[..., Any]) -> None:
    await read()
    before = (await google.count())["token"]
    await google.control("DELETE", "tokens")
    assert (await read()).rows
    assert (await google.count())["token"] == before + 1


async def test_a_fresh_token_that_is_not_taken_ends_in_reconnect_and_not_in_a_loop(
    google: Google, read: Callable[..., Any]
) -> None:
    refusal = {"status": 401, "body": {"error": {"code": 401, "status": "UNAUTHENTICATED", "message": "m"}}}
    await google.tell("search", refusal, refusal, {"body": {}})
    before = (await google.count()).get("token", 0)
    with pytest.raises(CredentialsRefusedError) as caught:
        await read()
    assert caught.value.status == 401
    assert (await google.count())["token"] == before + 2
    with pytest.raises(ObjectFailedError):
        await read()  # takes the third answer: nothing of it is left for others


async def test_a_revoked_authorisation_is_said_at_once(google: Google, read: Callable[..., Any]) -> None:
    await read()
    await google.control("DELETE", f"grants/{google.grant.replace('/', '%2F')}")
    with pytest.raises(CredentialsRefusedError) as revoked:
        await read()
    assert revoked.value.told == "authenticationError.OAUTH_TOKEN_REVOKED"
    fresh = GoogleAdsClient(
        google.outbound, base_url=f"{google.url}/google", token_url=f"{google.url}/google/token", version="v25"
    )
    with pytest.raises(CredentialsRefusedError) as dead:
        await fresh.get_customer(google.access)
    assert (dead.value.told, dead.value.status) == ("invalid_grant", 401)


async def test_a_page_token_that_ended_begins_the_window_again(google: Google, read: Callable[..., Any]) -> None:
    await google.put(page_rows=20)
    expired = {"status": 400, "body": failure("requestError", "EXPIRED_PAGE_TOKEN", 400, "INVALID_ARGUMENT")}
    account = {"results": [{"customer": {"id": google.account, "currencyCode": "ARS"}}]}
    await google.tell("search", {"body": account}, {"body": {"results": [], "nextPageToken": "gone"}}, expired)
    assert len((await read()).rows) == len(await google.list_truth("campaign", FIRST, LAST))
    # Twice is no accident.
    await google.tell("search", {"body": account}, expired, expired)
    with pytest.raises(PositionLostError):
        await read()


async def test_too_many_rows_are_asked_for_in_halves(google: Google, read: Callable[..., Any]) -> None:
    with pytest.raises(TooMuchAskedError):
        await read(rows_max=20)
    halves = [await read(half, rows_max=30) for half in WINDOW.halve()]
    whole = await read()
    assert sorted(row.model_dump_json() for half in halves for row in half.rows) == sorted(
        row.model_dump_json() for row in whole.rows
    )


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (
            {"status": 429, "body": failure("quotaError", "RESOURCE_EXHAUSTED", 429, "RESOURCE_EXHAUSTED",
             details={"quotaErrorDetails": {"retryDelay": "77s"}})},
            ThrottledError, "quotaError.RESOURCE_EXHAUSTED",
        ),
        ({"status": 403, "body": failure("authorizationError", "MISSING_TOS", 403, "PERMISSION_DENIED")},
         ProviderRefusedError, "authorizationError.MISSING_TOS"),
        ({"status": 400, "body": [failure("queryError", "UNRECOGNIZED_FIELD", 400, "INVALID_ARGUMENT")]},
         ProviderRefusedError, "queryError.UNRECOGNIZED_FIELD"),
        ({"status": 400, "body": failure("databaseError", "CONCURRENT_MODIFICATION", 400, "INVALID_ARGUMENT")},
         ObjectFailedError, "databaseError.CONCURRENT_MODIFICATION"),
        ({"status": 200, "body": [{"results": []}, failure("internalError", "TRANSIENT_ERROR", 500, "INTERNAL")]},
         ObjectFailedError, "internalError.TRANSIENT_ERROR"),
        ({"status": 503, "body": {"error": {"code": 503, "status": "UNAVAILABLE", "message": "m"}}},
         ProviderUnavailableError, ""),
    ],
    ids=["quota", "terms", "array", "concurrent", "inside_200", "away"],
)  # fmt: skip
async def test_an_error_is_what_its_body_says(
    google: Google, read: Callable[..., Any], answer: dict[str, Any], error: type[Exception], told: str
) -> None:
    await google.tell("search", answer)
    with pytest.raises(error) as caught:
        await read()
    assert getattr(caught.value, "told") == told  # noqa: B009
    assert "secret-canary" not in str(caught.value)
    assert google.grant not in str(caught.value)
    pauses = {f"google_ads:{google.access.project}": 77.0} if error is ThrottledError else {}
    assert google.budget.pauses == pauses, "the project's calls pause, not the account's alone"


async def test_a_row_that_cannot_be_used_spoils_the_window(google: Google, read: Callable[..., Any]) -> None:
    account = {"results": [{"customer": {"id": google.account, "currencyCode": "ARS"}}]}
    rows = [row | {"metrics": {"costMicros": "x"}} for row in await google.list_truth("campaign", FIRST, FIRST)]
    await google.tell("search", {"body": account}, {"body": {"results": rows}})
    with pytest.raises(MappingError) as caught:
        await read()
    assert caught.value.field == "results[0].metrics.costMicros"


async def test_an_account_below_a_manager_needs_its_id(google: Google, read: Callable[..., Any]) -> None:
    await google.put_grant([google.manager])
    with pytest.raises(ProviderRefusedError) as caught:
        await read()
    assert caught.value.told == "authorizationError.USER_PERMISSION_DENIED"
    assert (await read(login_customer_id=google.manager)).rows


def list_codes(found: Checked) -> list[str]:
    return [finding.code for finding in found.findings]


async def test_good_credentials_are_said_to_be_with_currency_and_zone(google: Google) -> None:
    found = await validate(google.client, google.access)
    assert (list_codes(found), found.is_valid) == (["all_fine"], True)
    assert "ARS" in found.findings[0].message
    assert found.findings[0].about == "ARS, America/Argentina/Buenos_Aires"


async def test_each_wrong_thing_is_found_by_its_name(google: Google) -> None:
    access, client = google.access, google.client

    async def look(**changes: Any) -> list[str]:
        return list_codes(await validate(client, access._replace(**changes)))

    assert await look(client_secret="wrong") == ["wrong_client"]
    assert await look(refresh_token="1//of-nobody") == ["reconnect"]
    assert await look(customer_id=google.other) == ["no_access"]
    assert list_codes(await validate(google.make_client("v19"), access)) == ["version_ended"]
    for value, code in (
        ("CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION", "project_not_approved"),
        ("MISSING_TOS", "provider_refused"),
    ):
        body = failure("authorizationError", value, 403, "PERMISSION_DENIED")
        await google.tell("search", {"status": 403, "body": body})
        assert await look() == [code]
    await google.tell("list", {"status": 403, "body": {"error": {"code": 403, "status": "PERMISSION_DENIED"}}})
    assert await look() == ["scope_missing"]
    await google.tell("list", {"status": 429, "body": {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}})
    assert await look() == ["provider_throttled"]
    await google.tell("list", {"status": 502, "body": "no JSON"})
    assert await look() == ["provider_unavailable"]
    await google.put(status="CANCELED")
    assert await look() == ["account_not_enabled"]


async def test_a_manager_is_explained_with_the_accounts_below_it(google: Google) -> None:
    await google.put_grant([google.manager])
    found = await validate(google.client, google.access._replace(customer_id=google.manager))
    assert list_codes(found) == ["manager_account"]
    shown = f"{google.account[:3]}-{google.account[3:6]}-{google.account[6:]}"
    assert shown in found.findings[0].message
    assert shown in str(found.findings[0].about)


def test_access_is_read_from_the_declared_fields() -> None:
    config = {"customer_id": "1234567890", "client_id": "c"}
    assert read_access(config, {"client_secret": "s", "refresh_token": "r"}).login_customer_id is None
    for broken in ({"customer_id": "../x"}, {"login_customer_id": "1"}, {"client_id": ""}):
        with pytest.raises(MappingError):
            read_access({**config, **broken}, {"client_secret": "s", "refresh_token": "r"})
    with pytest.raises(MappingError, match="refresh_token"):
        read_access(config, {"client_secret": "s"})


async def test_sums_are_the_providers_for_every_window_after_late_corrections(
    google: Google, read: Callable[..., Any], open_database: Callable[..., Any], superuser: Any
) -> None:
    syncer: Database = await open_database("syncer")
    integration = make_integration(google.account)

    async def sync(first: date, last: date) -> None:
        windows = plan_windows(LEVELS, first, last, days_max=6)
        for window in windows:
            told = await read(window)
            async with syncer.tenant_tx(ACME, "test") as connection:
                await store_window(connection, integration, told, mapper_version=1)

    await sync(FIRST, LAST)
    assert await read_sums(syncer) == await read_truth(google)
    chance = random.Random(5)
    for _ in range(3):
        start = FIRST + timedelta(days=chance.randrange(10))
        days = {"first": start.isoformat(), "last": (start + timedelta(days=chance.randrange(5))).isoformat()}
        await google.control("POST", "corrections", {"customer_id": google.account, **days})
        assert await read_sums(syncer) != await read_truth(google)
        await sync(FIRST, LAST)
        assert await read_sums(syncer) == await read_truth(google)
    assert await superuser.fetchval("SELECT count(*) FROM ad_spend WHERE tenant_id = $1", GLOBEX) == 0


def make_integration(account: str) -> LiveIntegration:
    return LiveIntegration(ACME, 1, "google_ads", account, "", {}, "active")


async def read_sums(syncer: Database) -> dict[tuple[date, str], tuple[int, ...]]:
    sums: dict[tuple[date, str], tuple[int, ...]] = {}
    async with syncer.tenant_tx(ACME, "test") as connection:
        for level in LEVELS:
            found: list[SpendSum] = await sum_spend(connection, ACME, FIRST, LAST, level=level)
            sums |= {(one.day, level): one[4:] for one in found}
    return sums


async def read_truth(google: Google) -> dict[tuple[date, str], tuple[int, ...]]:
    truth: dict[tuple[date, str], tuple[int, ...]] = {}
    for level in LEVELS:
        for row in await google.list_truth(level, FIRST, LAST):
            metrics, key = row["metrics"], (date.fromisoformat(row["segments"]["date"]), level)
            figures = (
                int(metrics.get("costMicros", 0)) // 10_000,
                int(metrics.get("impressions", 0)),
                int(metrics.get("clicks", 0)),
                round(metrics.get("conversions", 0) * 1_000_000),
                round(metrics.get("conversionsValue", 0) * 100),
            )
            truth[key] = tuple(map(sum, zip(truth.get(key, (0,) * 5), figures, strict=True)))
    return truth
