"""What is stored of a tenant's MercadoLibre orders and ad spend, against what is true at the sandbox."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import httpx

from db.ad_spend import sum_spend
from db.held_states import StreamPlace, list_states
from db.pool import Database
from schemas.records import SpendLevel
from scripts.stack.source_accounts import find_account

PAGE, ORDERS_MAX = 20_000, 2_000_000
LEVELS: tuple[SpendLevel, ...] = ("campaign", "ad_group")
FIRST, LAST = date(2020, 1, 1), date(2099, 12, 31)
_DIFFERENCES_TOLD = 5


class Figures(NamedTuple):
    """Amounts in minor units; conversions in millionths."""

    cost_minor: int = 0
    impressions: int = 0
    clicks: int = 0
    conversions_micros: int = 0
    value_minor: int = 0

    def add(self, other: "Figures") -> "Figures":
        return Figures(*(mine + others for mine, others in zip(self, other, strict=True)))


Days = dict[date, Figures]


async def find_order_differences(sandbox: httpx.AsyncClient, database: Database, tenant_id: int) -> list[str]:
    """Sentences; none when every order is held as it is. `database`: opened as the syncer."""
    account = find_account("mercadolibre", tenant_id)
    truth = await read_orders(sandbox, account)
    place = StreamPlace(tenant_id, "orders", "mercadolibre", account)
    async with database.tenant_tx(tenant_id, "truth") as connection:
        ends = datetime(2010, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)
        states = await list_states(connection, place, *ends, limit=ORDERS_MAX)
    held = {state.external_id: (state.status, state.status_class == "canceled", state.total_minor) for state in states}
    wrong = [one for one in truth.keys() | held.keys() if truth.get(one) != held.get(one)]
    return [f"order {one}: {held.get(one)} is not {truth.get(one)}" for one in sorted(wrong)]


async def read_orders(sandbox: httpx.AsyncClient, account: str) -> dict[str, tuple[str, bool, int]]:
    """Order → status, whether nothing was sold in the end, total."""
    found: dict[str, tuple[str, bool, int]] = {}
    after: int | None = 0
    while after is not None:
        query: dict[str, str | int] = {"user_id": account, "after": after, "limit": PAGE}
        answer = await sandbox.get("/_sandbox/mercadolibre/fingerprints", params=query)
        page = answer.raise_for_status().json()
        for row in page["rows"]:
            is_canceled = row["status"] == "cancelled" or row["is_refunded"]
            found[row["external_id"]] = (row["status"], is_canceled, row["total_minor"])
        after = page["next"]
    return found


async def find_spend_differences(sandbox: httpx.AsyncClient, database: Database, tenant_id: int) -> list[str]:
    """Of both platforms and levels, day by day: so the sums of every window are equal when there are none."""
    found: list[str] = []
    for source, read in (("google_ads", read_google_days), ("facebook_ads", read_facebook_days)):
        account = find_account(source, tenant_id)
        for level in LEVELS:
            truth = await read(sandbox, account, level)
            held = await read_held_days(database, tenant_id, source, level)
            wrong = sorted(day for day in truth.keys() | held.keys() if truth.get(day) != held.get(day))
            found += [
                f"{source} {level} {day}: {held.get(day)} is not {truth.get(day)}" for day in wrong[:_DIFFERENCES_TOLD]
            ]
            if len(wrong) > _DIFFERENCES_TOLD:
                found.append(f"{source} {level}: {len(wrong)} of {len(truth)} days are others")
            if not truth:
                found.append(f"{source} {level}: the sandbox tells of no spend")
    return found


async def read_held_days(database: Database, tenant_id: int, source: str, level: SpendLevel) -> Days:
    async with database.tenant_tx(tenant_id, "truth") as connection:
        sums = await sum_spend(connection, tenant_id, FIRST, LAST, level=level)
    return drop_empty({one.day: Figures(*one[4:]) for one in sums if one.source == source})


async def read_google_days(sandbox: httpx.AsyncClient, account: str, level: SpendLevel) -> Days:
    query = {"customer_id": account, "level": level, "first": FIRST.isoformat(), "last": LAST.isoformat()}
    rows = (await sandbox.get("/_sandbox/google/truth", params=query)).raise_for_status().json()
    return sum_days(rows, _read_google_row)


async def read_facebook_days(sandbox: httpx.AsyncClient, account: str, level: SpendLevel) -> Days:
    named = "adset" if level == "ad_group" else level
    query = {
        "account_id": account.removeprefix("act_"),
        "level": named,
        "first": FIRST.isoformat(),
        "last": LAST.isoformat(),
    }
    rows = (await sandbox.get("/_sandbox/facebook/truth", params=query)).raise_for_status().json()
    return sum_days(rows, _read_facebook_row)


def sum_days(rows: Iterable[Any], read: Callable[[Any], tuple[str, Figures]]) -> Days:
    days: Days = {}
    for row in rows:
        text, figures = read(row)
        day = date.fromisoformat(text)
        days[day] = days.get(day, Figures()).add(figures)
    return drop_empty(days)


def drop_empty(days: Days) -> Days:
    return {day: figures for day, figures in days.items() if any(figures)}


def sum_windows(days: Days, find_first: Callable[[date], date]) -> Days:
    """By the first day of the window that a day lies in."""
    windows: Days = {}
    for day, figures in days.items():
        first = find_first(day)
        windows[first] = windows.get(first, Figures()).add(figures)
    return windows


def find_week(day: date) -> date:
    return day - timedelta(days=day.weekday())


def find_month(day: date) -> date:
    return day.replace(day=1)


def _read_google_row(row: Any) -> tuple[str, Figures]:
    metrics = row["metrics"]
    figures = Figures(
        int(metrics.get("costMicros", 0)) // 10_000,
        int(metrics.get("impressions", 0)),
        int(metrics.get("clicks", 0)),
        int(Decimal(str(metrics.get("conversions", 0))) * 1_000_000),
        int(Decimal(str(metrics.get("conversionsValue", 0))) * 100),
    )
    return row["segments"]["date"], figures


def _read_facebook_row(row: Any) -> tuple[str, Figures]:
    counts, values = (
        {one["action_type"]: Decimal(one["value"]) for one in row.get(name, ())}
        for name in ("actions", "action_values")
    )
    figures = Figures(
        int(Decimal(row["spend"]) * 100),
        int(row["impressions"]),
        int(row["clicks"]),
        int(counts.get("omni_purchase", Decimal(0)) * 1_000_000),
        int(values.get("omni_purchase", Decimal(0)) * 100),
    )
    return row["date_start"], figures
