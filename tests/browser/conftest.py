"""What tests of the dashboard in a real browser share: one browser, one stack of real processes, a window per test.

Without a browser on the machine all of them are skipped, with the reason in one line at the end of the run.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from scripts.browser.chromium import HOW_TO_GET_ONE, find_chromium, open_browser
from scripts.browser.scene import SETTINGS
from scripts.browser.signing import sign_in
from scripts.stack.first_people import ADMIN, OPERATOR, read_dashboard_password
from tests.acceptance.stacks import start_stack

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from scripts.stack.stack import Stack
    from tests.browser.windows import Window

Who = Literal["admin", "operator"]
PEOPLE = {"admin": ADMIN, "operator": OPERATOR}
WIDE, NARROW = (1440, 900), (390, 844)
MISSING = f"the browser tests need Chromium, and there is none here: {HOW_TO_GET_ONE}"
FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """One place for all that were skipped for one reason: the run's end tells places apart, and would repeat it."""
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple) and MISSING in report.longrepr[2]:
        report.longrepr = (str(item.config.rootpath / "tests/browser"), 0, report.longrepr[2])
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
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


@pytest.fixture(scope="session")
def sessions() -> dict[Who, Any]:
    """Cookies of who has signed in before: guesses at passwords are limited, and so are tests."""
    return {}


OpenWindow = Callable[..., Awaitable["Window"]]


@pytest.fixture
async def open_window(
    request: pytest.FixtureRequest, browser: "Browser", stack: "Stack", sessions: dict[Who, Any], tmp_path: Path
) -> AsyncIterator[OpenWindow]:
    """`await open_window("admin", size=NARROW, theme="dark", javascript=False)`; without a person nobody is signed in.

    At the end no window may have met a problem; when the test failed, each is kept as it looks.
    """
    from tests.browser.windows import Window

    windows: list[Window] = []

    async def open_one(
        who: Who | None = None,
        *,
        size: tuple[int, int] = WIDE,
        theme: Literal["light", "dark"] = "light",
        javascript: bool = True,
        locale: str = "en-US",
    ) -> Window:
        if who is not None and who not in sessions:
            sessions[who] = await begin_session(browser, stack, who)
        context = await browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=theme, java_script_enabled=javascript,
            locale=locale, reduced_motion="reduce", storage_state=sessions[who] if who else None,
        )  # fmt: skip
        window = Window(context, await context.new_page(), stack.web_url)
        windows.append(window)
        return window

    yield open_one
    if request.node.stash.get(FAILED, False):
        for number, window in enumerate(windows):
            await window.keep(tmp_path / f"window{number}")
    for window in windows:
        await window.context.close()
    assert not [problem for window in windows for problem in window.problems]


async def begin_session(browser: "Browser", stack: "Stack", who: Who) -> Any:
    context = await browser.new_context(locale="en-US")
    await sign_in(await context.new_page(), stack.dashboard_url, PEOPLE[who].email, read_dashboard_password(stack.path))
    state = await context.storage_state()
    await context.close()
    return state
