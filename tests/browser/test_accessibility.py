"""Every page of the dashboard, in light and dark, wide and on a telephone: no serious fault by axe-core, nothing wider
than the window, nothing that the policy blocks, and headers that let nobody keep or frame it.

The list is the frame's own: a page that cannot be reached here is a failure of its own.
"""

from collections.abc import AsyncIterator
from typing import Literal

import pytest
from axe_playwright_python.async_playwright import Axe

from app.dashboard.pages import PAGES
from scripts.browser.addresses import Address, list_addresses, list_names
from scripts.browser.scene import set_scene
from scripts.stack.stack import Stack
from tests.browser.conftest import NARROW, WIDE, OpenWindow
from tests.browser.scenes import open_remote
from tests.browser.windows import Window

SERIOUS = {"serious", "critical"}
ACTS = {page.name for page in PAGES if page.act is not None}
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
LOOKS = [(theme, size) for theme in THEMES for size in (WIDE, NARROW)]
COLOURS = ["color-contrast", "link-in-text-block"]


@pytest.fixture(scope="module")
async def addresses(stack: Stack) -> AsyncIterator[dict[str, Address]]:
    """Where the pages are, in a demo in which there is something to see."""
    async with open_remote(stack) as remote:
        await set_scene(remote.run)
        yield {address.name: address for address in await list_addresses(remote)}


@pytest.mark.parametrize("name", list_names())
async def test_a_page_has_no_serious_fault_in_any_look(
    open_window: OpenWindow, addresses: dict[str, Address], name: str
) -> None:
    address, faults = addresses[name], []
    window = await open_window(None if address.is_public else "admin")
    answer = await window.page.goto(window.web_url + address.path)
    assert answer is not None
    assert answer.status == 200, (address.path, answer.status, await window.page.inner_text("body"))
    check_headers(await answer.all_headers())
    if not window.page.url.endswith(address.path):
        assert name in ACTS, f"it shows nothing, does nothing and leads to {window.page.url}"
        return
    for theme, size in LOOKS:
        await window.look(theme, size)
        look = f"{name} {theme} {size[0]} px"
        # What is dark has the same elements in the same places: only their colours are others.
        faults += [f"{look}: {fault}" for fault in await find_faults(window, None if theme == "light" else COLOURS)]
        if (wider_px := await window.find_overflow_px()) > 0:
            faults.append(f"{look}: {wider_px} px wider than the window")
    assert not faults, "\n".join(faults)


async def test_the_check_finds_a_fault_that_is_there(open_window: OpenWindow) -> None:
    window = await open_window()
    await window.go("/sign-in")
    assert not await find_faults(window)
    await window.page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    assert any(fault.startswith("button-name") for fault in await find_faults(window))


async def find_faults(window: Window, rules: list[str] | None = None) -> list[str]:
    """A line per element that axe-core finds a serious fault with. `rules`: only these."""
    results = await Axe().run(
        window.page, options={"resultTypes": ["violations"], **({"runOnly": rules} if rules else {})}
    )
    return [
        f"{violation['id']} ({violation['help']}): {node['html'][:160]} {node['failureSummary'][:300]}"
        for violation in results.response["violations"]
        if violation["impact"] in SERIOUS
        for node in violation["nodes"]
    ]


def check_headers(headers: dict[str, str]) -> None:
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["server-timing"].startswith("app;dur=")
