"""Ad spend for syncs: a position is a window of days on one level, or a day for which a report is being made.

A window that is too much becomes its halves; a day that is too much a report, whose id stands in the position, so that
nobody waits for it and no start of a process asks for it anew. A report that failed, is forgotten or takes too long is
begun anew, REPORT_TRIES_MAX times in all.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from app.connectors.facebook_ads.access import FacebookAccess, read_access
from app.connectors.facebook_ads.client import FacebookClient
from app.connectors.facebook_ads.spend_reader import LEVELS, SpendReader
from app.connectors.listing import Access, Position
from app.connectors.tools import ReportPart, ReportReader, Tools
from app.connectors.windows import (
    ReportDays,
    ReportSpan,
    ReportWindow,
    describe_window,
    parse_window,
    plan_report,
    write_window,
)
from app.core.errors import (
    CredentialsRefusedError,
    MappingError,
    ObjectFailedError,
    ProviderRefusedError,
    TooMuchAskedError,
)
from schemas.records import ReportStream

REPORT_TRIES_MAX = 3
# The id of a report is not known everywhere at once.
_UNKNOWN_LOOKS_MAX = 3
_NOT_THERE = "100/33"
_LOOK_S_MIN, _LOOK_S_MAX = 2.0, 30.0


class SpendReportReader:
    """See ReportReader. `report_wait_s`: for a report to be made."""

    stream: ReportStream = "ad_spend"
    mapper_version = SpendReader.mapper_version

    def __init__(self, spend: SpendReader, days: ReportDays, *, report_wait_s: float) -> None:
        self._spend = spend
        self._days = days
        self._report_wait = timedelta(seconds=report_wait_s)

    def describe(self, position: Position) -> str:
        return describe_window(position)

    def plan(self, span: ReportSpan) -> list[Position]:
        return [write_window(window) for window in plan_report(span, LEVELS, self._days)]

    async def read(self, access: Access, position: Position) -> ReportPart:
        window = parse_window(position)
        try:
            facebook = read_access(access.config, access.credentials)
        except MappingError as error:
            # Nothing was entered that could be tried: it waits as if Meta had said so.
            raise CredentialsRefusedError(f"facebook_ads: {error}", status=401) from None
        if "report_id" in position:
            return await self._look(facebook, window, position)
        try:
            return ReportPart(await self._spend.read(facebook, window))
        except TooMuchAskedError:
            if window.days > 1:
                return ReportPart(None, [write_window(half) for half in window.halve()])
        return await self._start(facebook, window, tries=1)

    async def _start(self, access: FacebookAccess, window: ReportWindow, *, tries: int) -> ReportPart:
        report_id, as_of = await self._spend.start_report(access, window)
        report = {"report_id": report_id, "as_of": as_of.isoformat(), "tries": tries, "looks": 0}
        return ReportPart(None, [write_window(window) | report], _LOOK_S_MIN)

    async def _look(self, access: FacebookAccess, window: ReportWindow, position: Position) -> ReportPart:
        """At the report, and at what is in it once it is made."""
        report_id, as_of = str(position["report_id"]), datetime.fromisoformat(position["as_of"])
        looks, is_late = int(position["looks"]) + 1, datetime.now(UTC) - as_of > self._report_wait
        try:
            if await self._spend.is_made(access, report_id):
                return ReportPart(await self._spend.read_report(access, window, report_id, as_of))
        except ProviderRefusedError as error:
            if error.told != _NOT_THERE:
                raise
            is_late = is_late or looks > _UNKNOWN_LOOKS_MAX
        except (TooMuchAskedError, ObjectFailedError) as error:
            if isinstance(error, ObjectFailedError) and error.status != HTTPStatus.OK:
                raise
            is_late = True  # it failed, and says so in an answer that is none
        if not is_late:
            wait_s = min(_LOOK_S_MIN * 2 ** min(looks, 10), _LOOK_S_MAX)
            return ReportPart(None, [{**position, "looks": looks}], wait_s)
        if position["tries"] >= REPORT_TRIES_MAX:
            raise ObjectFailedError(f"facebook_ads: no report of {window.first} after {REPORT_TRIES_MAX} tries")
        return await self._start(access, window, tries=position["tries"] + 1)


def make_report_readers(tools: Tools) -> Mapping[ReportStream, ReportReader]:
    """The reader, with the limits as set."""
    settings = tools.settings
    client = FacebookClient(tools.outbound, base_url=settings.facebook_url, version=settings.facebook_version)
    spend = SpendReader(client, rows_max=settings.facebook_rows_max)
    days = ReportDays(settings.facebook_history_days, settings.facebook_trailing_days, settings.facebook_window_days)
    return {"ad_spend": SpendReportReader(spend, days, report_wait_s=settings.facebook_report_wait_s)}
