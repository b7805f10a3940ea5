"""What advertising cost at the emulated Google Ads: figures by day, campaign and ad group, reckoned and never stored.

A day's figures follow from the account's seed and the day's revision: a correction makes another revision, in which
figures are others and some campaigns have none any more. The first campaign has no ad groups, as Performance Max. Costs
are whole minor units of a currency with two decimals. Of an account that lives, today's are told as far as they grew.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from scripts.sandbox.ad_days import find_share, find_today
from scripts.sandbox.seeds import hash_words


class Figures(NamedTuple):
    cost_micros: int
    impressions: int
    clicks: int
    conversions: float
    value: float


@dataclass
class AdAccount:
    """`children`: of a manager, which has no figures. `page_rows`: Google's 10,000, fewer to try paging. `grown_until`:
    where figures end of an account that lives, in place of `last_day`."""

    customer_id: str
    name: str = "Cuenta"
    currency: str = "ARS"
    time_zone: str = "America/Argentina/Buenos_Aires"
    seed: int = 1
    campaigns: int = 3
    groups: int = 2
    first_day: date = date(2026, 10, 1)
    last_day: date = date(2026, 11, 24)
    page_rows: int = 10_000
    status: str = "ENABLED"
    children: list[str] = field(default_factory=list)
    is_manager: bool = False
    revisions: dict[date, int] = field(default_factory=dict)
    grown_until: datetime | None = None

    @property
    def end(self) -> date:
        """The last day that has figures."""
        return self.last_day if self.grown_until is None else find_today(self.grown_until, self.time_zone)

    def correct(self, first: date, last: date) -> None:
        """The figures of these days become others."""
        for day in list_days(first, last):
            self.revisions[day] = self.revisions.get(day, 0) + 1

    def list_rows(self, level: str, first: date, last: date) -> Iterator[dict[str, Any]]:
        """As a query by `segments.date` answers it: nothing of what has only zeros."""
        for day in list_days(max(first, self.first_day), min(last, self.end)):
            for number in range(self.campaigns):
                groups = [self._find(day, number, group) for group in range(self.groups)] if number else []
                if level == "ad_group":
                    yield from (
                        self._show(day, number, found, group)
                        for group, found in enumerate(groups)
                        if found and any(found)
                    )
                    continue
                whole = [found for found in groups if found] if number else [self._find(day, number, 0)]
                parts = [found for found in whole if found and any(found)]
                if parts:
                    yield self._show(day, number, Figures(*map(sum, zip(*parts, strict=True))), None)

    def _find(self, day: date, campaign: int, group: int) -> Figures | None:
        value = hash_words(self.seed, day, campaign, group, self.revisions.get(day, 0))
        if value % 7 == 0:
            return None
        share = find_share(day, self.grown_until, self.time_zone)
        impressions = int((value % 9_000 + 1) * share)
        cost, conversions, worth = (int(value % most * share) for most in (500_000, 40, 100_000))
        return Figures(cost * 10_000, impressions, impressions % 97, conversions / 2, worth / 4)

    def _show(self, day: date, campaign: int, found: Figures, group: int | None) -> dict[str, Any]:
        name = f"customers/{self.customer_id}"
        # int64 as text, doubles as numbers, and what is zero left out.
        metrics = {
            "costMicros": str(found.cost_micros),
            "impressions": str(found.impressions),
            "clicks": str(found.clicks),
            "conversions": found.conversions,
            "conversionsValue": found.value,
        }
        row: dict[str, Any] = {
            "customer": {
                "resourceName": name,
                "id": self.customer_id,
                "currencyCode": self.currency,
                "timeZone": self.time_zone,
            },
            "campaign": {
                "resourceName": f"{name}/campaigns/{7_000 + campaign}",
                "id": str(7_000 + campaign),
                "name": f"Campaña {campaign}",
            },
            "segments": {"date": day.isoformat()},
            "metrics": {key: value for key, value in metrics.items() if value not in ("0", 0.0)},
        }
        if group is not None:
            group_id = 90_000 + campaign * 100 + group
            row["adGroup"] = {
                "resourceName": f"{name}/adGroups/{group_id}",
                "id": str(group_id),
                "name": f"Grupo {group}",
            }
        return row


def list_days(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)
