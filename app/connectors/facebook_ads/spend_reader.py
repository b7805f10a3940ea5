"""Reads a window of days of an ad account's insights, whole: a window with a page missing would delete what is right.

A window that is too much is TooMuchAskedError: ask for halves. So is one that is not answered in time although the
account just was. For a single day that is too much a report is started, looked at now and then, and read when it is
made. A page may be empty and not be the last. Cursors and `paging.next` are kept nowhere.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime

from app.connectors.ad_accounts import AdAccount, AdAccounts
from app.connectors.facebook_ads.access import FacebookAccess
from app.connectors.facebook_ads.client import FacebookClient, Params
from app.connectors.facebook_ads.mapping import MAPPER_VERSION, map_ad_spend
from app.connectors.facebook_ads.paging import read_cursor
from app.connectors.money import read_currency
from app.connectors.windows import ReportRows, ReportWindow
from app.core.errors import MappingError, ObjectFailedError, ProviderTimeoutError, ThrottledError, TooMuchAskedError
from schemas.records import AdSpendRecord, SpendLevel

LEVELS: tuple[SpendLevel, ...] = ("campaign", "ad_group")
PAGE_ROWS = 500
_LEVELS = {"campaign": "campaign", "ad_group": "adset"}
_FIELDS = (
    "account_id,account_currency,campaign_id,campaign_name,impressions,clicks,spend,actions,action_values,date_start,"
    "date_stop"
)


class SpendReader:
    """`rows_max`: of one window, held in memory until it is written.

    All methods raise MappingError for a row that cannot be used, TooMuchAskedError, and the client's errors.
    """

    mapper_version = MAPPER_VERSION

    def __init__(
        self, client: FacebookClient, *, rows_max: int, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._client = client
        self._rows_max = rows_max
        self._clock = clock
        self._accounts = AdAccounts(self._read_account)

    async def read(self, access: FacebookAccess, window: ReportWindow) -> ReportRows | None:
        """The window, as far as its days have begun where the account is; None: none has."""
        observed_at = self._clock()
        account = await self._accounts.get(access)
        begun = window.cut_to_begun(account.time_zone, observed_at)
        if begun is None:
            return None
        try:
            rows = await self._read_pages(access, _ask(begun), None)
        except ProviderTimeoutError as error:
            if account.is_asked:
                raise TooMuchAskedError(str(error)) from None
            self._accounts.doubt(access)  # whether it answers at all
            raise
        return ReportRows(begun, account.currency, account.time_zone, observed_at, rows)

    async def start_report(self, access: FacebookAccess, window: ReportWindow) -> tuple[str, datetime]:
        """Has a report made of the window: its id, and as of when it is."""
        observed_at = self._clock()
        return await self._client.start_report(access, _ask(window)), observed_at

    async def is_made(self, access: FacebookAccess, report_id: str) -> bool:
        """Whether a report is completed, all of it. What a failed one says of itself is raised by the client."""
        report = await self._client.look_at_report(access, report_id)
        is_whole = report.find_integer("async_percent_completion") == 100
        return is_whole and report.find_text("async_status") == "Job Completed"

    async def read_report(
        self, access: FacebookAccess, window: ReportWindow, report_id: str, observed_at: datetime
    ) -> ReportRows:
        """What a report that is made says of the window that it was started for."""
        account = await self._accounts.get(access)
        rows = await self._read_pages(access, {"limit": str(PAGE_ROWS)}, report_id)
        return ReportRows(window, account.currency, account.time_zone, observed_at, rows)

    async def _read_account(self, access: FacebookAccess) -> AdAccount:
        found = await self._client.get_account(access)
        currency = read_currency(found.peek("currency"), "currency")
        return AdAccount(currency, found.find_text("timezone_name", chars_max=100))

    async def _read_pages(self, access: FacebookAccess, params: Params, report_id: str | None) -> list[AdSpendRecord]:
        rows: list[AdSpendRecord] = []
        after: str | None = None
        while True:
            asked = params if after is None else {**params, "after": after}
            try:
                page = await self._client.list_insights(access, asked, report_id)
            except ThrottledError as error:
                if after is None or report_id is not None:
                    raise
                # Cursors do not outlive a pause: what cannot be had between two of them is asked for in parts.
                raise TooMuchAskedError(str(error)) from None
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
