"""Reads a window of days of an ad account's insights, whole: a window with a page missing would delete what is right.

A window that is too much is TooMuchAskedError: ask for halves. A single day that is too much is made into a report,
which is waited for with growing pauses. A page may be empty and not be the last. Cursors and `paging.next` are kept
nowhere.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from app.connectors.facebook_ads.access import FacebookAccess
from app.connectors.facebook_ads.client import FacebookClient, Params
from app.connectors.facebook_ads.mapping import MAPPER_VERSION, map_ad_spend
from app.connectors.facebook_ads.paging import read_cursor
from app.connectors.money import read_currency
from app.connectors.windows import ReportRows, ReportWindow
from app.core.errors import (
    MappingError,
    ObjectFailedError,
    ProviderRefusedError,
    ProviderTimeoutError,
    TooMuchAskedError,
)
from schemas.records import AdSpendRecord, SpendLevel

LEVELS: tuple[SpendLevel, ...] = ("campaign", "ad_group")
PAGE_ROWS = 500
# The id of a report is not known everywhere at once.
_UNKNOWN_LOOKS_MAX = 3
_LOOK_S_MIN, _LOOK_S_MAX = 2.0, 30.0
_NOT_THERE = "100/33"
_LEVELS = {"campaign": "campaign", "ad_group": "adset"}
_FIELDS = (
    "account_id,account_currency,campaign_id,campaign_name,impressions,clicks,spend,actions,action_values,date_start,"
    "date_stop"
)


class SpendReader:
    """`rows_max`: of one window, held in memory until it is written. `report_wait_s`: for a report that is made."""

    mapper_version = MAPPER_VERSION

    def __init__(
        self,
        client: FacebookClient,
        *,
        rows_max: int,
        report_wait_s: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._rows_max = rows_max
        self._report_wait_s = report_wait_s
        self._sleep = sleep

    async def read(self, access: FacebookAccess, window: ReportWindow) -> ReportRows:
        """The window. Raises MappingError for a row that cannot be used, TooMuchAskedError, and the client's errors."""
        observed_at = datetime.now(UTC)
        account = await self._client.get_account(access)
        currency = read_currency(account.peek("currency"), "currency")
        params = _ask(window)
        try:
            rows = await self._read_pages(access, params, None)
        except TooMuchAskedError:
            if window.days > 1:
                raise
            observed_at = datetime.now(UTC)
            report_id = await self._client.start_report(access, params)
            await self._wait_for(access, report_id)
            rows = await self._read_pages(access, {"limit": str(PAGE_ROWS)}, report_id)
        return ReportRows(window, currency, account.find_text("timezone_name", chars_max=100), observed_at, rows)

    async def _read_pages(self, access: FacebookAccess, params: Params, report_id: str | None) -> list[AdSpendRecord]:
        rows: list[AdSpendRecord] = []
        after: str | None = None
        while True:
            asked = params if after is None else {**params, "after": after}
            page = await self._client.list_insights(access, asked, report_id)
            for row in map_ad_spend(page):
                if isinstance(row, MappingError):
                    raise row
                rows.append(row)
            if len(rows) > self._rows_max:
                raise TooMuchAskedError(f"facebook_ads insights of {access.account}: over {self._rows_max} rows")
            following = read_cursor(page).after
            if following is None:
                return rows
            if following == after:
                raise ObjectFailedError("facebook_ads insights: the answer's cursor leads nowhere", status=200)
            after = following

    async def _wait_for(self, access: FacebookAccess, report_id: str) -> None:
        """Until the report is completed, all of it. What a failed one says is raised by the client."""
        until, pause_s, unknown = time.monotonic() + self._report_wait_s, _LOOK_S_MIN, 0
        while True:
            try:
                report = await self._client.look_at_report(access, report_id)
            except ProviderRefusedError as error:
                unknown += 1
                if error.told != _NOT_THERE or unknown > _UNKNOWN_LOOKS_MAX:
                    raise
            else:
                is_whole = report.find_integer("async_percent_completion") == 100
                if report.find_text("async_status") == "Job Completed" and is_whole:
                    return
            if time.monotonic() + pause_s > until:
                raise ProviderTimeoutError(f"facebook_ads report of {access.account}: not made in time")
            await self._sleep(pause_s)
            pause_s = min(pause_s * 2, _LOOK_S_MAX)


def _ask(window: ReportWindow) -> Params:
    days = {"since": window.first.isoformat(), "until": window.last.isoformat()}
    names = "" if window.level == "campaign" else ",adset_id,adset_name"
    return {
        "level": _LEVELS[window.level],
        "fields": _FIELDS + names,
        "time_range": json.dumps(days),
        "time_increment": "1",
        "limit": str(PAGE_ROWS),
    }
