"""One brand's day in the dashboard: connected, broken, mended; a dead letter replayed; a sync watched to its end.

Everything is done by the pages, as a person does it, and seen there without reloading; the sandbox plays the store.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import NamedTuple

import pytest
from playwright.async_api import expect

from scripts.browser.scene import MAPPABLE, UNMAPPABLE, Remote
from scripts.stack.runfile import read_run_file
from scripts.stack.stack import Stack
from tests.browser.conftest import OpenWindow
from tests.browser.guide import LIVE_TIMEOUT_MS, Guide

ACCOUNT = "tierradelsur"
KEY, TOKEN, OTHER_TOKEN = "vtexappkey-tierradelsur-ABCDEF", "the-token-of-the-store", "another-token-of-the-store"


class Shop(NamedTuple):
    """A brand that nobody has connected yet, and its store."""

    tenant_id: int
    remote: Remote


@pytest.fixture
async def shop(stack: Stack) -> AsyncIterator[Shop]:
    run = read_run_file(stack.path)
    assert run is not None
    async with AsyncExitStack() as resources:
        remote = await Remote.open(run, resources)
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
    await guide.fill(account=ACCOUNT, app_key=KEY, app_token="not-the-token")
    async with guide.page.expect_navigation():
        await guide.page.locator("button[name=do][value=try]").click()
    await expect(guide.page.locator("main [aria-invalid=true]").first).to_be_visible()
    await guide.fill(app_key=KEY, app_token=TOKEN)
    async with guide.page.expect_navigation():
        await guide.page.locator("main form button.go").first.click()
    assert guide.page.url.partition("?")[0].endswith(guide.find("integrations.next", integration_id=INTEGRATION(guide)))


def INTEGRATION(guide: Guide) -> str:  # noqa: N802
    return f"int_{guide.tenant_id}_1"


async def see_an_event_arrive(guide: Guide, shop: Shop) -> None:
    await guide.open("events.list")
    async with guide.without_loading():
        order_id = await shop.remote.change_order(ACCOUNT)
        await guide.see(order_id, timeout_ms=LIVE_TIMEOUT_MS)


async def break_credentials(guide: Guide, shop: Shop) -> list[str]:
    """The store makes a new token; orders that wait for it. The alert opens by itself."""
    other = {"app_key": KEY, "app_token": OTHER_TOKEN, "replaces_keys": True}
    await guide.open("alerts.list")
    async with guide.without_loading():
        await shop.remote.tell_sandbox("accounts", {ACCOUNT: other})
        waiting = [await shop.remote.change_order(ACCOUNT) for _ in range(3)]
        await guide.see(guide.say("alerts.rule_credentials_refused"), timeout_ms=LIVE_TIMEOUT_MS)
    return waiting


async def mend_credentials(guide: Guide) -> None:
    await guide.open("integrations.change", integration_id=INTEGRATION(guide))
    await guide.fill(app_key=KEY, app_token=OTHER_TOKEN)


async def watch_it_drain(guide: Guide, waiting: list[str]) -> None:
    await guide.open("events.list")
    async with guide.without_loading():
        for order_id in waiting:
            await guide.see(order_id, timeout_ms=LIVE_TIMEOUT_MS)


async def replay_a_dead_letter(guide: Guide, shop: Shop) -> None:
    order_id = await shop.remote.change_order(ACCOUNT, UNMAPPABLE)
    await guide.open("dead.list")
    await shop.remote.tell_sandbox(
        "changes", {"account": ACCOUNT, "kind": "order", "object_id": order_id, "patch": MAPPABLE, "deliver": False}
    )


async def watch_a_sync_finish(guide: Guide) -> None:
    await guide.open("syncs.list")
