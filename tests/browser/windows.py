"""Windows of the browser as tests use them: what they complain of is a failure, and a failure leaves a picture."""

import re
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request, Response

from tests.acceptance.telling import tell

TIMEOUT_MS = 15_000.0
# What a test itself provokes: the browser tells of every answer that is no success.
EXPECTED = re.compile(r"the server responded with a status of (4\d\d|503)")


class Window:
    """One context with one page. `problems`: what scripts threw, what the policy blocked, what was asked elsewhere."""

    def __init__(self, context: BrowserContext, page: Page, web_url: str) -> None:
        self.context = context
        self.page = page
        self.web_url = web_url
        self.problems: list[str] = []
        context.set_default_timeout(TIMEOUT_MS)
        page.on("console", self._note_console)
        page.on("pageerror", lambda error: self.problems.append(f"script: {error}"))
        page.on("request", self._note_request)

    async def go(self, path: str, *, status: int = 200) -> Response:
        """Opens `/dashboard` + path."""
        answer = await self.page.goto(f"{self.web_url}/dashboard{path}")
        assert answer is not None
        assert answer.status == status, (path, answer.status, await self.page.inner_text("body"))
        return answer

    async def look(self, theme: Literal["light", "dark"], size: tuple[int, int]) -> None:
        """The same page in other colours and another width."""
        await self.page.emulate_media(color_scheme=theme)
        await self.page.set_viewport_size({"width": size[0], "height": size[1]})

    async def find_overflow_px(self) -> int:
        """By how much the page is wider than the window."""
        wide: int = await self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return wide

    async def describe_focus(self) -> dict[str, Any]:
        """What has the focus: its tag, text, address, and whether one sees that it has it."""
        found: dict[str, Any] = await self.page.evaluate("""() => {
            const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
            return {
                tag: one.tagName.toLowerCase(), name: one.getAttribute("name"), href: one.getAttribute("href"),
                text: (one.innerText || one.value || "").trim(), id: one.id,
                is_marked: (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1)
                    || style.boxShadow !== "none",
                is_on_screen: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight,
            };
        }""")
        return found

    async def keep(self, folder: Path) -> None:
        """What somebody who looks for a fault wants to see."""
        folder.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=folder / "page.png", full_page=True)
        (folder / "page.html").write_text(await self.page.content(), encoding="utf-8")
        told = [self.page.url, *self.problems, "", await self.page.inner_text("body")]
        (folder / "page.txt").write_text("\n".join(told), encoding="utf-8")
        tell(f"the page is kept in {folder}")

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not EXPECTED.search(message.text):
            self.problems.append(f"console: {message.text}")

    def _note_request(self, request: Request) -> None:
        if not request.url.startswith((self.web_url, "data:", "blob:", "about:")):
            self.problems.append(f"asked elsewhere: {request.url}")
