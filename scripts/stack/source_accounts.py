"""A brand's accounts at the sandbox's MercadoLibre, Google Ads and Meta: ids, credentials, and what they hold."""

import secrets
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from scripts.stack.demo import check

CONNECTORS = ("mercadolibre", "google_ads", "facebook_ads")
TIME_ZONE, CURRENCY = "America/Argentina/Buenos_Aires", "ARS"
FIGURE_DAYS = 180  # of ad spend before the tenant was there


def find_account(connector: str, tenant_id: int) -> str:
    """Its name at the provider, as the integration shows it."""
    ids = {
        "mercadolibre": f"468424{tenant_id:03}",
        "google_ads": f"5601234{tenant_id:03}",
        "facebook_ads": f"act_238400{tenant_id:03}",
    }
    return ids[connector]


def make_fields(connector: str, tenant_id: int) -> dict[str, str]:
    """What a brand enters, its secrets drawn anew."""
    account = find_account(connector, tenant_id)
    if connector == "mercadolibre":
        return {
            "client_id": f"5503910054141{tenant_id:03}",
            "client_secret": secrets.token_urlsafe(24),
            "site_id": "MLA",
            "refresh_token": f"TG-{secrets.token_hex(12)}-{account}",
        }
    if connector == "google_ads":
        return {
            "customer_id": account,
            "client_id": f"{account}-demo.apps.googleusercontent.com",
            "client_secret": f"GOCSPX-{secrets.token_urlsafe(21)}",
            "refresh_token": f"1//0{secrets.token_urlsafe(60)}",
        }
    return {
        "ad_account_id": account,
        "app_id": f"7{tenant_id:014}",
        "app_secret": secrets.token_hex(16),
        "access_token": f"EAA{secrets.token_hex(60)}",
    }


async def tell_account(
    sandbox: httpx.AsyncClient,
    connector: str,
    tenant_id: int,
    fields: Mapping[str, str],
    *,
    since: datetime,
    orders: int = 0,
) -> None:
    """Makes the account at the sandbox, with these credentials. `since`: until when it has a past: MercadoLibre's stock
    of so many `orders` ends there, and figures of ad spend began FIGURE_DAYS before. They go on to now."""
    account = find_account(connector, tenant_id)
    if connector == "mercadolibre":
        seller = {**fields, "stock": {"orders": orders, "stocked_until": since.isoformat(), "seed": tenant_id}}
        await put(sandbox, "mercadolibre/sellers", {account: seller})
        return
    figures: dict[str, Any] = {
        "currency": CURRENCY,
        "time_zone": TIME_ZONE,
        "seed": tenant_id,
        "campaigns": 5,
        "history_days": count_figure_days(since, datetime.now(ZoneInfo(TIME_ZONE)).date()),
    }
    if connector == "google_ads":
        await put(sandbox, "google/accounts", {account: {"name": "Demo", "groups": 3, **figures}})
        client = {name: fields[name] for name in ("client_id", "client_secret")}
        await put(sandbox, "google/grants", {fields["refresh_token"]: {**client, "customers": [account]}})
        return
    app = {"app_id": fields["app_id"], "app_secret": fields.get("app_secret", "")}
    known = {**figures, **app, "adsets": 3, "tokens": [fields["access_token"]]}
    await put(sandbox, "facebook/accounts", {account.removeprefix("act_"): known})


def count_figure_days(since: datetime, today: date) -> int:
    """The same first day at every start."""
    return (today - since.astimezone(ZoneInfo(TIME_ZONE)).date() + timedelta(days=FIGURE_DAYS)).days


async def tell_callback(sandbox: httpx.AsyncClient, tenant_id: int, url: str) -> None:
    """Where MercadoLibre is to send its notifications: what a brand enters in its application's settings."""
    body = {find_account("mercadolibre", tenant_id): {"callback": {"url": url}}}
    check(await sandbox.patch("/_sandbox/mercadolibre/sellers", json=body))


async def put(sandbox: httpx.AsyncClient, path: str, body: object) -> None:
    check(await sandbox.put(f"/_sandbox/{path}", json=body))
