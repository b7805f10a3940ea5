"""Ad spend for syncs: a position is a window of days on one level, and one that is too much becomes its halves."""

from collections.abc import Mapping

from app.connectors.google_ads.access import read_access
from app.connectors.google_ads.client import GoogleAdsClient
from app.connectors.google_ads.spend_reader import LEVELS, SpendReader
from app.connectors.listing import Access, Position
from app.connectors.tools import ReportPart, ReportReader, Tools
from app.connectors.windows import (
    ReportDays,
    ReportSpan,
    describe_window,
    parse_window,
    plan_report,
    write_window,
)
from app.core.errors import CredentialsRefusedError, MappingError, TooMuchAskedError
from schemas.records import ReportStream


class SpendReportReader:
    """See ReportReader."""

    stream: ReportStream = "ad_spend"
    mapper_version = SpendReader.mapper_version

    def __init__(self, spend: SpendReader, days: ReportDays) -> None:
        self._spend = spend
        self._days = days

    def describe(self, position: Position) -> str:
        return describe_window(position)

    def plan(self, span: ReportSpan) -> list[Position]:
        return [write_window(window) for window in plan_report(span, LEVELS, self._days)]

    async def read(self, access: Access, position: Position) -> ReportPart:
        window = parse_window(position)
        try:
            google = read_access(access.config, access.credentials)
        except MappingError as error:
            # Nothing was entered that could be tried: it waits as if Google had said so.
            raise CredentialsRefusedError(f"google_ads: {error}", status=401) from None
        try:
            return ReportPart(await self._spend.read(google, window))
        except TooMuchAskedError:
            if window.days == 1:
                raise
        return ReportPart(None, [write_window(half) for half in window.halve()])


def make_report_readers(tools: Tools) -> Mapping[ReportStream, ReportReader]:
    """The reader, with the limits as set."""
    settings = tools.settings
    client = GoogleAdsClient(
        tools.outbound,
        base_url=settings.google_ads_url,
        token_url=settings.google_oauth_url,
        version=settings.google_ads_version,
    )
    spend = SpendReader(client, rows_max=settings.google_ads_rows_max)
    days = ReportDays(
        settings.google_ads_history_days, settings.google_ads_trailing_days, settings.google_ads_window_days
    )
    return {"ad_spend": SpendReportReader(spend, days)}
