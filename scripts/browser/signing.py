"""Signing in to the dashboard as a person does it: address, password, Enter."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.async_api import Page


async def sign_in(page: "Page", dashboard_url: str, email: str, password: str) -> None:
    """Ends on the first page. Raises RuntimeError with what the page says when it does not let in."""
    await page.goto(f"{dashboard_url}sign-in")
    await page.fill("input[name=email]", email)
    await page.fill("input[name=password]", password)
    async with page.expect_navigation():
        await page.press("input[name=password]", "Enter")
    if "/sign-in" in page.url:
        raise RuntimeError(f"not signed in: {await page.inner_text('main')}")
