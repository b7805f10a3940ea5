"""Ad accounts at the sandbox's Google and Meta, each an integration of a tenant: what they report, and what is held."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from app.services.integrations import seal_credentials
from db.integrations import insert_integration
from db.sync_runs import RunStream, SyncKind
from schemas.ids import make_uuid7
from tests.integration.workers.syncs.conftest import SyncWorks
from tests.integration.workers.works import ACME

Platform = Literal["google_ads", "facebook_ads"]
PLATFORMS: tuple[Platform, ...] = ("google_ads", "facebook_ads")
LEVELS = ("campaign", "ad_group")
ADS = 11  # the integration's number
HISTORY_DAYS = 100  # that a full run reads in these tests
ZONE = "America/Argentina/Buenos_Aires"
# cost, impressions, clicks, conversions in millionths, value
Figures = tuple[int, ...]
Sums = dict[tuple[date, str], Figures]


@dataclass
class Ads:
    """An ad account that has spent for longer than the history that is read, and until tomorrow: platforms plan ahead.

    `digits`: its id at the platform. `fields`: of the sandbox's account.
    """

    syncs: SyncWorks
    platform: Platform
    tenant_id: int = ACME
    digits: str = field(default_factory=lambda: f"{int(make_uuid7()[-8:], 16) % 9_000_000_000 + 1_000_000_000}")
    token: str = field(default_factory=lambda: f"token-canary-{make_uuid7()}")
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def account(self) -> str:
        return self.digits if self.platform == "google_ads" else f"act_{self.digits}"

    @property
    def today(self) -> date:
        """Where the account is."""
        return datetime.now(ZoneInfo(ZONE)).date()

    def day(self, ago: int) -> date:
        return self.today - timedelta(days=ago)

    @property
    def settings(self) -> dict[str, Any]:
        return {"google_ads_history_days": HISTORY_DAYS, "facebook_history_days": HISTORY_DAYS}

    async def control(self, method: str, path: str, body: object = None, **query: str) -> Any:
        name = "google" if self.platform == "google_ads" else "facebook"
        asked = "&".join(f"{key}={value}" for key, value in query.items())
        return await self.syncs.works.sandbox.control(method, f"{name}/{path}?{asked}", body)

    async def put(self, **fields: Any) -> None:
        """The account with these fields, as it was otherwise."""
        self.fields |= fields
        days = {"first_day": self.day(200).isoformat(), "last_day": self.day(-1).isoformat(), "time_zone": ZONE}
        account = {"seed": int(self.digits), **days, **self.fields}
        if self.platform == "facebook_ads":
            account |= {"app_id": f"7{self.digits}", "app_secret": "secret-canary", "tokens": [self.token]}
        else:
            grant = {"client_id": f"c-{self.digits}", "client_secret": "secret-canary", "customers": [self.digits]}
            await self.control("PUT", "grants", {self.token: grant})
        await self.control("PUT", "accounts", {self.digits: account})

    @property
    def config(self) -> dict[str, str]:
        if self.platform == "google_ads":
            return {"customer_id": self.digits, "client_id": f"c-{self.digits}"}
        return {"ad_account_id": self.account, "app_id": f"7{self.digits}"}

    async def connect(self) -> None:
        """The tenant's integration, as it is stored."""
        if self.platform == "google_ads":
            credentials = {"client_secret": "secret-canary", "refresh_token": self.token}
        else:
            credentials = {"access_token": self.token, "app_secret": "secret-canary"}
        keys = await self.syncs.works.keys_of(self.tenant_id)
        async with self.syncs.works.office.tenant_tx(self.tenant_id, "test") as connection:
            await insert_integration(
                connection, self.tenant_id, ADS, connector=self.platform, account=self.account, config=self.config,
                sealed_credentials=seal_credentials(keys, self.platform, self.account, credentials),
            )  # fmt: skip

    async def start(self, kind: SyncKind, **fields: Any) -> str:
        return await self.syncs.start(kind, self.tenant_id, integration_id=ADS, **fields)

    async def sync(self, kind: SyncKind, *, settings: Mapping[str, object] | None = None, **fields: Any) -> RunStream:
        """One run from its request to its end, which must be a success."""
        async with self.syncs.syncer(**{**self.settings, **(settings or {})}):
            run, streams = await self.syncs.wait(await self.start(kind, **fields), self.tenant_id)
        assert run.status == "succeeded", (run, streams)
        return streams["ad_spend"]

    async def correct(self, first_ago: int, last_ago: int) -> None:
        """The platform finds other figures for the days from so many days ago to so many."""
        name = "customer_id" if self.platform == "google_ads" else "account_id"
        days = {"first": self.day(first_ago).isoformat(), "last": self.day(last_ago).isoformat()}
        await self.control("POST", "corrections", {name: self.digits, **days})

    async def list_truth(self, level: str, first: date, last: date) -> list[Any]:
        """The platform's rows."""
        name = "customer_id" if self.platform == "google_ads" else "account_id"
        theirs = "adset" if (level, self.platform) == ("ad_group", "facebook_ads") else level
        days = {"first": first.isoformat(), "last": last.isoformat()}
        rows: list[Any] = await self.control("GET", "truth", level=theirs, **days, **{name: self.digits})
        return rows

    async def read_truth(self, first_ago: int = HISTORY_DAYS - 1, last_ago: int = 0, *, digits: int = 2) -> Sums:
        """Sums by day and level. `digits`: decimals of the account's currency."""
        sums: Sums = {}
        for level in LEVELS:
            for row in await self.list_truth(level, self.day(first_ago), self.day(last_ago)):
                day, figures = (read_google if self.platform == "google_ads" else read_facebook)(row, digits)
                before = sums.get((day, level), (0,) * 5)
                sums[day, level] = tuple(map(sum, zip(before, figures, strict=True)))
        return sums

    async def read_held(self, first_ago: int = HISTORY_DAYS - 1, last_ago: int = 0) -> Sums:
        """The same of what is held, past all walls."""
        rows = await self.syncs.works.superuser.fetch(
            "SELECT day, level, sum(cost_minor)::bigint, sum(impressions)::bigint, sum(clicks)::bigint,"
            " sum(conversions_micros)::bigint, sum(value_minor)::bigint FROM ad_spend"
            " WHERE tenant_id = $1 AND source = $2 AND account = $3 AND day BETWEEN $4 AND $5 GROUP BY day, level",
            self.tenant_id, self.platform, self.account, self.day(first_ago), self.day(last_ago),
        )  # fmt: skip
        return {(day, level): tuple(figures) for day, level, *figures in rows}

    async def list_known_days(self) -> set[tuple[date, str]]:
        rows = await self.syncs.works.superuser.fetch(
            "SELECT day, level FROM ad_spend_days WHERE tenant_id = $1 AND source = $2 AND account = $3",
            self.tenant_id, self.platform, self.account,
        )  # fmt: skip
        return {(day, level) for day, level in rows}

    async def count_calls(self, route: str) -> int:
        counted: dict[str, int] = await self.control("GET", "calls")
        return counted.get(route, 0)


async def open_ads(syncs: SyncWorks, platform: Platform, tenant_id: int = ACME, **fields: Any) -> Ads:
    """One that is connected."""
    ads = Ads(syncs, platform, tenant_id)
    await ads.put(**fields)
    await ads.connect()
    return ads


def read_google(row: Any, digits: int) -> tuple[date, Figures]:
    metrics = row["metrics"]
    cost = Decimal(metrics.get("costMicros", "0")) / 1_000_000
    return date.fromisoformat(row["segments"]["date"]), (
        scale(cost, digits),
        int(metrics.get("impressions", 0)),
        int(metrics.get("clicks", 0)),
        scale(Decimal(repr(metrics.get("conversions", 0))), 6),
        scale(Decimal(repr(metrics.get("conversionsValue", 0))), digits),
    )


def read_facebook(row: Any, digits: int) -> tuple[date, Figures]:
    purchases, values = (
        [one["value"] for one in row.get(name, ()) if one["action_type"] == "omni_purchase"]
        for name in ("actions", "action_values")
    )
    return date.fromisoformat(row["date_start"]), (
        scale(Decimal(row["spend"]), digits),
        int(row["impressions"]),
        int(row["clicks"]),
        scale(Decimal(purchases[0]) if purchases else Decimal(0), 6),
        scale(Decimal(values[0]) if values else Decimal(0), digits),
    )


def scale(amount: Decimal, digits: int) -> int:
    return int((amount * 10**digits).quantize(Decimal(1), rounding=ROUND_HALF_UP))
