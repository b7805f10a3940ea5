"""What people do every day, with the keyboard alone and with scripts switched off: find, filter, ask first, do."""

import pytest

from scripts.stack.stack import Stack
from tests.browser.conftest import NARROW, OpenWindow
from tests.browser.guide import Guide
from tests.browser.scenes import open_remote
from tests.browser.windows import Window

TABS_MAX = 120


async def tab_to(window: Window, wanted: str) -> None:
    """Presses Tab until what the selector names has the focus."""
    for _ in range(TABS_MAX):
        await window.page.keyboard.press("Tab")
        if await window.page.evaluate("(wanted) => document.activeElement.matches(wanted)", wanted):
            focus = await window.describe_focus()
            assert focus["is_marked"], focus
            assert focus["is_on_screen"], focus
            return
    raise AssertionError(f"{TABS_MAX} times Tab does not lead to {wanted}")


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
async def test_events_are_filtered_by_keyboard_with_and_without_a_script(
    open_window: OpenWindow, stack: Stack, javascript: bool
) -> None:
    async with open_remote(stack) as remote:
        order_id = await remote.change_order("mundojuguete")
    window = await open_window("admin", javascript=javascript)
    guide = Guide(window, 57)
    await guide.open("events.list")
    await tab_to(window, "input[name=q]")
    await window.page.keyboard.type("no-such-order")
    async with window.page.expect_navigation():
        await window.page.keyboard.press("Enter")
    assert "q=no-such-order" in window.page.url
    assert await window.page.locator("main tbody tr").count() == 0
    await tab_to(window, "input[name=q]")
    await window.page.keyboard.press("ControlOrMeta+a")
    await window.page.keyboard.type(order_id)
    async with window.page.expect_navigation():
        await window.page.keyboard.press("Enter")
    rows = window.page.locator("main tbody tr")
    assert await rows.count() >= 1
    assert order_id in await rows.first.inner_text()


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
async def test_a_queue_is_paused_and_resumed_by_keyboard_and_is_asked_for_first(
    open_window: OpenWindow, stack: Stack, javascript: bool
) -> None:
    window = await open_window("admin", javascript=javascript)
    guide = Guide(window, 59)
    await guide.open("tenant.show")
    await tab_to(window, f"a[href='{guide.find('workers.pause', id=59)}']")
    async with window.page.expect_navigation():
        await window.page.keyboard.press("Enter")
    assert guide.say("frame.can_undo") in await window.page.inner_text("main")
    await tab_to(window, "main form button")
    async with window.page.expect_navigation():
        await window.page.keyboard.press("Enter")
    assert await window.page.get_by_role("status").first.inner_text()
    await guide.open("workers.resume", id=59)
    await tab_to(window, "main form button")
    async with window.page.expect_navigation():
        await window.page.keyboard.press("Space")
    async with open_remote(stack) as remote:
        assert not (await remote.ask("GET", "/tenants/59/queue"))["is_paused"]


async def test_brands_are_sorted_and_filtered_without_a_script(open_window: OpenWindow) -> None:
    window = await open_window("admin", javascript=False)
    await window.go("/overview?sort=name")
    names = await window.page.locator("main tbody th").all_inner_texts()
    assert names == sorted(names, key=str.lower)
    async with window.page.expect_navigation():
        await window.page.locator("main thead th[aria-sort] a").click()
    assert await window.page.locator("main tbody th").all_inner_texts() == names[::-1]
    await window.page.fill("main input[name=q]", "chel")
    async with window.page.expect_navigation():
        await window.page.keyboard.press("Enter")
    assert [name.split()[0] for name in await window.page.locator("main tbody th").all_inner_texts()] == ["Chelsea"]


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
async def test_the_menu_of_a_telephone_opens_by_keyboard(open_window: OpenWindow, javascript: bool) -> None:
    window = await open_window("admin", size=NARROW, javascript=javascript)
    await window.go("/overview")
    link = window.page.locator("nav a.item").first
    assert not await link.is_visible()
    await tab_to(window, "#menu, .menu-box")
    await window.page.keyboard.press("Space")
    assert await link.is_visible()
    assert await window.find_overflow_px() <= 0


async def test_a_slash_leads_to_the_search(open_window: OpenWindow) -> None:
    window = await open_window("admin")
    await Guide(window, 57).open("events.list")
    await window.page.keyboard.press("/")
    assert (await window.describe_focus())["name"] == "q"
