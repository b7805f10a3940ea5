"""The browser itself: it is the machine's own, and it reaches what runs here."""

from playwright.async_api import Browser

from scripts.stack.stack import Stack


async def test_the_machines_own_browser_shows_what_answers_here(browser: Browser, stack: Stack) -> None:
    page = await browser.new_page()
    answer = await page.goto(f"{stack.web_url}/healthz")
    assert answer is not None
    assert answer.status == 200
    await page.close()
