"""A way through the dashboard by what pages are called and say, not by where they lie or how they look."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from babel import Locale
from playwright.async_api import Locator, expect

from app.dashboard.links import Links
from app.dashboard.pages import PAGES
from app.dashboard.texts import load_texts
from tests.browser.windows import TIMEOUT_MS, Window

ENGLISH = Locale("en", "US")
LIVE_TIMEOUT_MS = 30_000.0


class Guide:
    """One window, one tenant, English."""

    def __init__(self, window: Window, tenant_id: int) -> None:
        self.window = window
        self.page = window.page
        self.tenant_id = tenant_id
        self.integration_id = f"int_{tenant_id}_1"  # of the first one that is made
        self._links = Links(PAGES)
        self._texts = load_texts()

    def find(self, name: str, **params: Any) -> str:
        """A page's address."""
        return self._links.make(name, {"tenant_id": self.tenant_id, **params})

    def say(self, key: str, **args: Any) -> str:
        return self._texts.get(ENGLISH, key, **args)

    async def open(self, name: str, **params: Any) -> None:
        answer = await self.page.goto(self.window.web_url + self.find(name, **params))
        assert answer is not None
        assert answer.status == 200, await self.page.inner_text("body")

    async def follow(self, name: str, **params: Any) -> None:
        """By the link that leads there."""
        link = self.page.locator(f'main a[href="{self.find(name, **params)}"]').first
        async with self.page.expect_navigation():
            await link.click()

    async def press(self, key: str, within: Locator | None = None, **args: Any) -> None:
        """The button that says this, and onto the page that it leads to."""
        button = (within or self.page.locator("main")).get_by_role("button", name=self.say(key, **args), exact=True)
        async with self.page.expect_navigation():
            await button.first.click()

    async def confirm(self) -> None:
        """The one form of a page that says what is about to happen."""
        async with self.page.expect_navigation():
            await self.page.locator("main form button").first.click()

    async def fill(self, **values: str) -> None:
        for name, value in values.items():
            await self.page.fill(f"main [name={name}]", value)

    async def see(self, text: str, *, timeout_ms: float = TIMEOUT_MS) -> None:
        await expect(self.page.locator("main").get_by_text(text).first).to_be_visible(timeout=timeout_ms)

    async def see_row(self, *texts: str) -> None:
        """A row of a table in which all of these stand, now or before long."""
        rows = self.page.locator("main tbody tr")
        for text in texts:
            rows = rows.filter(has_text=text)
        await expect(rows.first).to_be_visible(timeout=LIVE_TIMEOUT_MS)

    async def find_wrong_fields(self) -> list[str]:
        """Names of the fields that are told to be wrong, each with a sentence that says why."""
        await expect(self.page.locator("main [aria-invalid=true]").first).to_be_visible()
        names: list[str] = await self.page.eval_on_selector_all(
            "main [aria-invalid=true]",
            """fields => fields.map(one => {
                const says = document.getElementById(one.getAttribute("aria-describedby"));
                return says && says.querySelector(".wrong") ? one.name : `${one.name} says nothing`;
            })""",
        )
        return names

    @asynccontextmanager
    async def without_loading(self) -> AsyncIterator[None]:
        """What is awaited inside comes by itself: the page is the same one afterwards."""
        await self.page.evaluate("window.isTheSame = true")
        yield
        assert await self.page.evaluate("window.isTheSame === true"), "the page was loaded anew"
