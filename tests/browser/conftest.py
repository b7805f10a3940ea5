"""What tests of the dashboard in a real browser share: one browser, one stack of real processes, one context per test.

Without a browser on the machine all of them are skipped, with the reason in one line at the end of the run.
"""

from collections.abc import AsyncIterator, Generator
from typing import TYPE_CHECKING

import pytest

from scripts.browser.chromium import HOW_TO_GET_ONE, find_chromium, open_browser
from tests.acceptance.stacks import start_stack

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from scripts.stack.stack import Stack

SETTINGS: dict[str, object] = {}
MISSING = f"the browser tests need Chromium, and there is none here: {HOW_TO_GET_ONE}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """One place for all that were skipped for one reason: the run's end tells places apart, and would repeat it."""
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple) and MISSING in report.longrepr[2]:
        report.longrepr = (str(item.config.rootpath / "tests/browser"), 0, report.longrepr[2])
    return report


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator["Browser"]:
    """The installed Chromium, headless. Skips who asks for it when there is none."""
    program = find_chromium()
    if program is None:
        pytest.skip(MISSING)
    async with open_browser(program) as opened:
        yield opened


@pytest.fixture(scope="session")
async def stack(browser: "Browser", tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator["Stack"]:
    """Real processes on free ports, with the demo's brands. After `browser`: nothing is started for nobody."""
    del browser
    folder = tmp_path_factory.mktemp("browser")
    async with start_stack(folder, provider_latency_ms=20, settings=SETTINGS) as started:
        yield started
