"""Alerts as people meet them: open ones, one, rules, channels; of a tenant and of the platform."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis

from app.core.settings import Settings
from app.services.alert_channels import create_channel, list_channels
from app.services.alert_views import get_alert, list_alert_rules
from app.services.backups import report_backup
from app.services.office import Office, open_office
from app.services.platform_alerts import evaluate_platform_alerts
from db.alert_deliveries import insert_deliveries
from db.alerts import Figures, close_alert, find_alert, open_alert
from db.pool import Database
from schemas.alerts import NewBackupReport, NewChannel
from schemas.ids import make_uuid7
from tests.integration.alerts.conftest import WebServer, web_server
from tests.integration.api.conftest import CLI, Cast
from tests.integration.dashboard.conftest import ACME, GLOBEX, Browse
from tests.integration.dashboard.reading import follow, open_in, read

__all__ = ["web_server"]

ALERTS = f"/tenants/{ACME}/alerts"
EXAMPLE = {"event_id": "01a20d17-aca5-7762-9001-f6447d2940c7", "kind": "order", "reason": "unmappable"}


@pytest.fixture
async def office(make_settings: Callable[..., Settings], redis: Redis) -> AsyncIterator[Office]:
    """One that may send to servers of the test."""
    del redis
    async with AsyncExitStack() as resources:
        settings = make_settings(
            "web", api_rate_caller_per_s=10_000, api_rate_business_per_s=10_000, alert_private_targets=True,
            vtex_url_template="http://127.0.0.1:1/{account}",
        )  # fmt: skip
        yield await open_office(settings, resources, application_name="test web")


async def plant(
    worker: Database, tenant_id: int = ACME, *, days: float = 1, is_closed: bool = False,
    channel_id: UUID | None = None,
) -> UUID:  # fmt: skip
    """Dead letters that rise, since so many days."""
    alert_id, at = UUID(make_uuid7()), datetime.now(UTC) - timedelta(days=days)
    figures = Figures(12, 10, {"recently": 12, "waiting": 40, "example": EXAMPLE})
    async with worker.tenant_tx(tenant_id, "test") as connection:
        await open_alert(connection, tenant_id, alert_id, "dead_letters", 0, "warning", figures, at, is_told=True)
        if channel_id is not None:
            await insert_deliveries(connection, tenant_id, alert_id, "opened", [channel_id])
        if is_closed:
            row = await find_alert(connection, tenant_id, alert_id)
            assert row is not None
            assert await close_alert(connection, row, "recovered", 2, at + timedelta(hours=3))
    return alert_id


async def add_channel(office: Office, url: str, tenant_id: int = ACME, kind: str = "webhook") -> UUID:
    wanted = NewChannel.model_validate({"kind": kind, "name": "On call", "url": url})
    return (await create_channel(office, tenant_id, wanted, actor=CLI)).channel_id


@pytest.mark.parametrize("language", ["en", "es", "pt"])
async def test_every_page_is_there_in_every_language(
    cast: Cast, database: Database, browse: Browse, web_server: WebServer, language: Any
) -> None:
    channel_id = await add_channel(cast.office, web_server.url)
    alert_id = await plant(database, channel_id=channel_id)
    browser = await open_in(browse, ACME, "owner", language)
    paths = [ALERTS, f"{ALERTS}/{alert_id}", f"{ALERTS}/rules", f"{ALERTS}/channels", f"{ALERTS}/channels/{channel_id}",
             f"{ALERTS}/channels/{channel_id}/delete"]  # fmt: skip
    paths += [f"{ALERTS}/channels/new?kind={kind}" for kind in ("email", "slack", "webhook", "apprise")]
    for path in paths:
        assert f'<html lang="{language}' in read(await browser.get(path))
    admin = await open_in(browse, role="platform_admin", language=language)
    for path in ("/alerts", "/alerts/rules", "/alerts/channels", "/alerts/channels/new?kind=slack"):
        assert f'<html lang="{language}' in read(await admin.get(path))


async def test_open_ones_stand_first_and_the_history_goes_on(cast: Cast, database: Database, browse: Browse) -> None:
    browser = await open_in(browse, ACME, "analyst")
    page = read(await browser.get(ALERTS))
    assert "No open alerts" in page
    assert "Nobody is told of these alerts" in page
    assert "Add a channel" not in page, "an analyst only looks"
    for number in range(27):
        await plant(database, days=40 - number, is_closed=True)
    await plant(database, GLOBEX)
    open_id = await plant(database)
    page = read(await browser.get(ALERTS))
    assert page.count("Dead letters are rising") == 26
    assert str(open_id) in page
    assert "12 / 10" in re.sub(r"<[^>]+>", "", page)
    assert "3 h" in page
    [more] = re.findall(r'rel="next" href="([^"]+)"', page)
    rest = read(await browser.get(f"http://acequia.test{more}"))
    assert rest.count("Dead letters are rising") == 2
    assert str(open_id) not in rest


async def test_one_says_since_when_how_many_an_example_what_to_do_and_who_was_told(
    cast: Cast, database: Database, browse: Browse, web_server: WebServer
) -> None:
    channel_id = await add_channel(cast.office, web_server.url)
    alert_id = await plant(database, days=3, channel_id=channel_id)
    page = read(await (await open_in(browse, ACME, "operator")).get(f"{ALERTS}/{alert_id}"))
    assert "12 events failed for good lately, more than 10; 40 dead letters wait in all." in page
    for part in (EXAMPLE["event_id"], "unmappable", "3 days ago", "then replay them", "On call", "Waiting",
                 "To the dead letters"):  # fmt: skip
        assert part in page
    seen = read(await (await open_in(browse, ACME, "analyst")).get(f"{ALERTS}/{alert_id}"))
    assert "Snooze until then" not in seen
    globex = await open_in(browse, GLOBEX, "owner")
    assert (await globex.get(f"/tenants/{GLOBEX}/alerts/{alert_id}")).status_code == 404
    assert (await globex.get(f"{ALERTS}/{alert_id}")).status_code == 404


async def test_an_operator_acknowledges_and_snoozes(cast: Cast, database: Database, browse: Browse) -> None:
    alert_id = await plant(database)
    place = f"{ALERTS}/{alert_id}"
    browser = await open_in(browse, ACME, "operator")
    page = await follow(browser, await browser.post(place, data={"do": "acknowledge"}))
    assert "by you" in page
    page = await follow(browser, await browser.post(place, data={"do": "snooze", "minutes": "480"}))
    assert "Snoozed" in page
    shown = await get_alert(cast.office, ACME, alert_id)
    assert shown.snoozed_until is not None
    assert abs(shown.snoozed_until - datetime.now(UTC) - timedelta(hours=8)) < timedelta(minutes=1)
    until = (datetime.now(UTC) + timedelta(days=2)).replace(second=0, microsecond=0)
    local = (until - timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M")  # in acme's zone, Buenos Aires
    await follow(browser, await browser.post(place, data={"do": "snooze", "until": local}))
    assert (await get_alert(cast.office, ACME, alert_id)).snoozed_until == until
    await follow(browser, await browser.post(place, data={"do": "unsnooze"}))
    assert (await get_alert(cast.office, ACME, alert_id)).snoozed_until is None
    for wrong in ({"until": "never"}, {"minutes": "x"}, {"until": "2020-01-01T00:00"}, {}):
        answer = await browser.post(place, data={"do": "snooze", **wrong})
        assert answer.status_code == 422, wrong
    analyst = await open_in(browse, ACME, "analyst")
    assert (await analyst.post(place, data={"do": "acknowledge"})).status_code == 403


async def test_a_rule_gets_another_threshold_and_goes_back(cast: Cast, browse: Browse) -> None:
    browser = await open_in(browse, ACME, "admin")
    told = {"rule": "storage", "threshold": "65,5", "is_enabled": "1"}
    assert "The rule is changed." in await follow(browser, await browser.post(f"{ALERTS}/rules", data=told))
    rules = {rule.rule: rule for rule in await list_alert_rules(cast.office, ACME)}
    assert (rules["storage"].threshold, rules["storage"].is_enabled) == (65.5, True)
    for wrong in ("150", "x", "nan"):
        answer = await browser.post(f"{ALERTS}/rules", data={**told, "threshold": wrong})
        assert answer.status_code == 422, wrong
        assert read(answer, 422).count('class="wrong"') == 1
    await follow(browser, await browser.post(f"{ALERTS}/rules", data={"rule": "storage", "threshold": ""}))
    rules = {rule.rule: rule for rule in await list_alert_rules(cast.office, ACME)}
    assert (rules["storage"].threshold, rules["storage"].is_enabled) == (80, False)
    operator = await open_in(browse, ACME, "operator")
    assert "Save" not in read(await operator.get(f"{ALERTS}/rules"))
    assert (await operator.post(f"{ALERTS}/rules", data=told)).status_code == 403


async def test_a_channel_is_made_tested_switched_off_rotated_and_deleted(
    cast: Cast, browse: Browse, web_server: WebServer
) -> None:
    browser = await open_in(browse, ACME, "owner")
    fields = {"name": "On call", "target": f"{web_server.url}/hook", "min_severity": "critical", "rules": ["storage"]}
    made = read(await browser.post(f"{ALERTS}/channels/new?kind=webhook", data=fields))
    [secret] = set(re.findall(r"whsec_[A-Za-z0-9+/=]+", made))
    [channel] = await list_channels(cast.office, ACME)
    assert (channel.min_severity, channel.rules) == ("critical", ["storage"])
    place = f"{ALERTS}/channels/{channel.channel_id}"
    assert secret not in read(await browser.get(place))
    assert "The test message was taken" in read(await browser.post(place, data={"do": "test"}))
    assert [call.json["type"] for call in web_server.calls] == ["alert.test"]
    web_server.status = 500
    assert "The test message was not taken. It answered 500." in read(await browser.post(place, data={"do": "test"}))
    spanish = await open_in(browse, ACME, "owner", "es")
    assert "Respondió 500" in read(await spanish.get(place)), "what was kept in English words is told in Spanish"
    rotated = read(await browser.post(place, data={"do": "rotate"}))
    assert secret not in rotated
    assert "whsec_" in rotated
    assert "switched off" in await follow(browser, await browser.post(place, data={"do": "disable"}))
    changed = {"do": "change", "name": "Nights", "target": "", "min_severity": "warning"}
    assert "Nights" in await follow(browser, await browser.post(place, data=changed))
    [channel] = await list_channels(cast.office, ACME)
    assert (channel.rules, channel.target, channel.is_enabled) == (None, f"{web_server.url}/…", False)
    asked = read(await browser.get(f"{place}/delete"))
    assert "This cannot be undone." in asked
    assert "The channel is deleted." in await follow(browser, await browser.post(f"{place}/delete"))
    assert (await browser.get(place)).status_code == 404


async def test_what_is_wrong_with_a_channel_is_said_beside_its_field(browse: Browse) -> None:
    browser = await open_in(browse, ACME, "owner")
    for kind, target in (
        ("slack", "ftp://example.org/x"), ("slack", ""), ("email", "not-an-address"), ("email", "ana@example.org"),
        ("apprise", "exec://rm"),
    ):  # fmt: skip
        answer = await browser.post(f"{ALERTS}/channels/new?kind={kind}", data={"name": "n", "target": target})
        page = read(answer, 422)
        assert 'class="wrong"' in page, (kind, target)
    assert "SMTP_URL" in read(
        await browser.post(f"{ALERTS}/channels/new?kind=email", data={"name": "n", "target": "a@example.org"}), 422
    )
    operator = await open_in(browse, ACME, "operator")
    assert (await operator.get(f"{ALERTS}/channels/new?kind=slack")).status_code == 403
    assert (await browser.get(f"{ALERTS}/channels/new?kind=fax")).status_code == 404


async def test_the_platform_sees_its_own(
    cast: Cast, browse: Browse, open_database: Callable[..., Any], web_server: WebServer
) -> None:
    worker = await open_database("worker")
    settings = cast.office.settings.model_copy(update={"backup_max_age_h": 26})
    await evaluate_platform_alerts(worker, settings, datetime.now(UTC))
    await report_backup(cast.office, NewBackupReport(kind="data", note="bucket 7"), actor=CLI)
    browser = await open_in(browse, role="platform_admin")
    page = read(await browser.get("/alerts"))
    assert "A backup is missing" in page
    assert "bucket 7" in page
    [place] = set(re.findall(r'href="/dashboard(/alerts/[0-9a-f-]{36})"', page))
    shown = read(await browser.get(place))
    assert "data, keys, keystore" in shown
    assert "Acknowledged" in await follow(browser, await browser.post(place, data={"do": "acknowledge"}))
    fields = {"name": "Platform", "target": f"{web_server.url}/x"}
    assert "The channel is there." in read(await browser.post("/alerts/channels/new?kind=slack", data=fields))
    assert len(await list_channels(cast.office, 0)) == 1
    rule = {"rule": "backup_missing"}
    assert "Off" in await follow(browser, await browser.post("/alerts/rules", data=rule))
    assert (await (await open_in(browse, ACME, "owner")).get("/alerts")).status_code == 404
