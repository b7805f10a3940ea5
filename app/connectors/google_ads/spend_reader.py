"""Reads a window of days of one account's spend, whole: a window with a page missing would delete what is right.

Pages hold 10,000 rows. A page token that ended begins the window again, once; a window of more rows than are kept is
TooMuchAskedError: ask for halves. So is one that is not answered in time although the account just was.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from app.connectors.ad_accounts import AdAccount, AdAccounts
from app.connectors.google_ads.access import GoogleAccess
from app.connectors.google_ads.client import GoogleAdsClient
from app.connectors.google_ads.mapping import MAPPER_VERSION, map_ad_spend
from app.connectors.google_ads.queries import ask_spend
from app.connectors.money import read_currency
from app.connectors.windows import ReportRows, ReportWindow
from app.core.errors import (
    MappingError,
    ObjectFailedError,
    PositionLostError,
    ProviderTimeoutError,
    TooMuchAskedError,
)
from schemas.records import AdSpendRecord, SpendLevel

LEVELS: tuple[SpendLevel, ...] = ("campaign", "ad_group")


class SpendReader:
    """`rows_max`: of one window, held in memory until it is written."""

    mapper_version = MAPPER_VERSION

    def __init__(
        self,
        client: GoogleAdsClient,
        *,
        rows_max: int,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._rows_max = rows_max
        self._clock = clock
        self._accounts = AdAccounts(self._read_account)

    async def read(self, access: GoogleAccess, window: ReportWindow) -> ReportRows | None:
        """The window, as far as its days have begun where the account is; None: none has. Raises MappingError for a row
        that cannot be used, TooMuchAskedError, and the client's errors."""
        observed_at = self._clock()
        account = await self._accounts.get(access)
        begun = window.cut_to_begun(account.time_zone, observed_at)
        if begun is None:
            return None
        try:
            rows = await self._read_pages(access, begun)
        except PositionLostError:
            observed_at = self._clock()
            rows = await self._read_pages(access, begun)
        except ProviderTimeoutError as error:
            if account.is_asked:
                raise TooMuchAskedError(str(error)) from None
            self._accounts.doubt(access)  # whether it answers at all
            raise
        return ReportRows(begun, account.currency, account.time_zone, observed_at, rows)

    async def _read_account(self, access: GoogleAccess) -> AdAccount:
        found = await self._client.get_customer(access, priority="batch")
        return AdAccount(read_currency(found.currency, "customer.currencyCode"), found.time_zone)

    async def _read_pages(self, access: GoogleAccess, window: ReportWindow) -> list[AdSpendRecord]:
        query = ask_spend(window.level, window.first, window.last)
        rows: list[AdSpendRecord] = []
        page_token: str | None = None
        while True:
            page = await self._client.search(access, f"spend_by_{window.level}", query, page_token)
            for row in map_ad_spend(page):
                if isinstance(row, MappingError):
                    raise row
                rows.append(row)
            if len(rows) > self._rows_max:
                raise TooMuchAskedError(f"google_ads spend of {access.customer_id}: over {self._rows_max} rows")
            following = page.get("nextPageToken")
            if not following:
                return rows
            if not isinstance(following, str) or following == page_token:
                raise ObjectFailedError("google_ads spend: the answer's page token leads nowhere", status=200)
            page_token = following
