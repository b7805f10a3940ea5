"""The browser that is installed on this machine, driven by Playwright: nothing is downloaded, nothing phones home."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.async_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome")
VARIABLE = "ACEQUIA_BROWSER"
HOW_TO_GET_ONE = f"install one (Debian: apt-get install chromium) or name it in {VARIABLE}"
START_TIMEOUT_MS = 60_000
# Only what a test asks for is on the wire, and nothing is drawn by a graphics card that may not be there.
ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-domain-reliability",
    "--disable-client-side-phishing-detection",
    "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication",
    "--no-proxy-server",
    "--no-pings",
    "--font-render-hinting=none",
)


def find_chromium() -> Path | None:
    """The program named in ACEQUIA_BROWSER, else the first that is installed; None when there is none."""
    named = os.environ.get(VARIABLE)
    for name in (named,) if named else NAMES:
        if found := shutil.which(name):
            return Path(found)
    return None


@asynccontextmanager
async def open_browser(program: Path) -> AsyncIterator["Browser"]:
    """A headless browser with a profile of its own, which goes with it."""
    from playwright.async_api import async_playwright  # noqa: PLC0415 - only who drives a browser pays for it

    # The kernel refuses root the sandbox's namespaces; what is looked at is our own.
    further = ("--no-sandbox",) if os.geteuid() == 0 else ()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program, headless=True, args=[*ARGUMENTS, *further], timeout=START_TIMEOUT_MS
        )
        try:
            yield browser
        finally:
            await browser.close()
