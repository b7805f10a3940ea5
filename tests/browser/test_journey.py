"""One brand's day in the dashboard: connected, broken, mended; a dead letter replayed; a sync watched to its end.

Everything is done by the pages, as a person does it, and seen there without reloading; the sandbox plays the store.
"""

from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
from playwright.async_api import expect

from scripts.browser.scene import MAPPABLE, UNMAPPABLE, Remote
from scripts.stack.stack import Stack
from tests.browser.conftest import OpenWindow
from tests.browser.guide import LIVE_TIMEOUT_MS, Guide
from tests.browser.scenes import open_remote

ACCOUNT = "tierradelsur"
KEY, TOKEN, OTHER_TOKEN = "vtexappkey-tierradelsur-ABCDEF", "the-token-of-the-store", "another-token-of-the-store"


class Shop(NamedTuple):
    """A brand that nobody has connected yet, and its store."""

    tenant_id: int
    remote: Remote


@pytest.fixture
async def shop(stack: Stack) -> AsyncIterator[Shop]:
    async with open_remote(stack) as remote:
        await remote.tell_sandbox("accounts", {ACCOUNT: {"app_key": KEY, "app_token": TOKEN, "customers": 40,
                                                         "orders": 30}})  # fmt: skip
        settings = {"timezone": "America/Argentina/Buenos_Aires", "currency": "ARS", "language": "en"}
        made = await remote.ask(
            "POST", "/tenants", {"name": "Tierra del Sur", "slug": "tierra-del-sur", "type": "business",
                                 "settings": settings},
        )  # fmt: skip
        yield Shop(made["id"], remote)


async def test_a_brand_is_connected_breaks_is_mended_and_replays_what_it_could_not_use(
    open_window: OpenWindow, shop: Shop
) -> None:
    guide = Guide(await open_window("admin"), shop.tenant_id)
    await connect(guide)
    await see_an_event_arrive(guide, shop)
    waiting = await break_credentials(guide, shop)
    await mend_credentials(guide)
    await watch_it_drain(guide, waiting)
    await replay_a_dead_letter(guide, shop)
    await watch_a_sync_finish(guide)


async def connect(guide: Guide) -> None:
    """By the form, which asks the store before it keeps anything, and says which field is wrong."""
    await guide.open("integrations.list")
    await guide.follow("integrations.choose")
    await guide.follow("integrations.new", type="vtex")
    await guide.fill(account="No Account!", app_key=KEY, app_token=TOKEN)
    await guide.press("integrations.new_save")
    assert await guide.find_wrong_fields() == ["account"]
    await guide.fill(account=ACCOUNT, app_key=KEY, app_token="not-the-token")
    await guide.press("integrations.new_try")
    assert await guide.find_wrong_fields() == ["app_token"]
    await guide.fill(app_key=KEY, app_token=TOKEN)
    await guide.press("integrations.new_save")
    assert guide.find("integrations.next", integration_id=guide.integration_id) in guide.page.url
    await guide.see(guide.say("integrations.hook_registered"))


async def see_an_event_arrive(guide: Guide, shop: Shop) -> None:
    await guide.open("events.list")
    async with guide.without_loading():
        order_id = await shop.remote.change_order(ACCOUNT)
        await guide.see_row(order_id, guide.say("words.outcome_applied"))


async def break_credentials(guide: Guide, shop: Shop) -> list[str]:
    """The store makes a new token: orders wait, the alert opens by itself and says what to do."""
    await guide.open("alerts.list")
    async with guide.without_loading():
        other = {"app_key": KEY, "app_token": OTHER_TOKEN, "replaces_keys": True}
        await shop.remote.tell_sandbox("accounts", {ACCOUNT: other})
        waiting = [await shop.remote.change_order(ACCOUNT) for _ in range(3)]
        await guide.see("Credentials are refused", timeout_ms=LIVE_TIMEOUT_MS)
    await guide.open("events.list", view="waiting")
    for order_id in waiting:
        await guide.see(order_id)
    return waiting


async def mend_credentials(guide: Guide) -> None:
    await guide.open("integrations.show", integration_id=guide.integration_id)
    await guide.see(guide.say("integrations.refused_mend"))
    await guide.fill(app_key=KEY, app_token=OTHER_TOKEN)
    await guide.press("integrations.save_credentials")
    async with guide.without_loading():
        await guide.see(guide.say("integrations.status_active"), timeout_ms=LIVE_TIMEOUT_MS)


async def watch_it_drain(guide: Guide, waiting: list[str]) -> None:
    """What waited is applied by itself, and the alert closes by itself."""
    await guide.open("events.list")
    async with guide.without_loading():
        for order_id in waiting:
            await guide.see_row(order_id, guide.say("words.outcome_applied"))
    await guide.open("events.list", view="waiting")
    async with guide.without_loading():
        await expect(guide.page.locator("main tbody tr")).to_have_count(0, timeout=LIVE_TIMEOUT_MS)
    await guide.open("alerts.list")
    async with guide.without_loading():
        opened = guide.page.locator("#alerts-open").get_by_text("Credentials are refused")
        await expect(opened).to_have_count(0, timeout=LIVE_TIMEOUT_MS)


async def replay_a_dead_letter(guide: Guide, shop: Shop) -> None:
    """An order that cannot be mapped, mended at the store, which tells of nothing; then it is replayed."""
    order_id = await shop.remote.change_order(ACCOUNT, UNMAPPABLE)
    await guide.open("events.list")
    await guide.see_row(order_id, guide.say("words.outcome_dead"))
    await shop.remote.tell_sandbox(
        "changes", {"account": ACCOUNT, "kind": "order", "object_id": order_id, "patch": MAPPABLE, "deliver": False}
    )
    await guide.open("dead.list")
    await guide.see(order_id)
    await guide.page.locator("main").get_by_text(order_id).first.click()
    await guide.press("dead.replay")
    async with guide.without_loading():
        await guide.see(guide.say("dead.status_replayed"), timeout_ms=LIVE_TIMEOUT_MS)
    await guide.open("events.list", q=order_id)
    await guide.see_row(order_id, guide.say("words.outcome_applied"))
    await guide.open("dead.list")
    await guide.see(guide.say("dead.none"))


async def watch_a_sync_finish(guide: Guide) -> None:
    """Started by hand; how far it is, and that it has ended, is seen without loading."""
    await guide.open("syncs.list")
    await guide.follow("syncs.start")
    await guide.page.check("#kind-full")
    await guide.press("syncs.start_do")
    async with guide.without_loading():
        await guide.see(guide.say("syncs.status_succeeded"), timeout_ms=LIVE_TIMEOUT_MS)
