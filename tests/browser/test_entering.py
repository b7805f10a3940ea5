"""Coming in: with a keyboard alone, without a script, in three languages, light and dark, on a telephone."""

import pytest
from playwright.async_api import Page

from scripts.stack.first_people import ADMIN, OPERATOR, read_dashboard_password
from scripts.stack.stack import Stack
from tests.browser.conftest import NARROW, WIDE, OpenWindow

ELSEWHERE = "/tenants/56/nothing-here"  # a page with the whole frame, whatever else there is


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
async def test_a_person_signs_in_by_keyboard_with_and_without_a_script(
    open_window: OpenWindow, stack: Stack, javascript: bool
) -> None:
    window = await open_window(javascript=javascript)
    page = window.page
    await window.go("/")
    assert "/sign-in" in page.url
    await page.fill("input[name=email]", "")  # somewhere to begin from
    await page.keyboard.type(OPERATOR.email)
    await page.keyboard.press("Tab")
    await page.keyboard.type(read_dashboard_password(stack.path))
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    assert "/sign-in" not in page.url
    assert await page.get_by_text(OPERATOR.name).is_visible()
    async with page.expect_navigation():
        await page.locator("form[action$='/sign-out'] button").click()
    assert "/sign-in" in page.url


async def test_a_wrong_password_is_told_where_it_is_read_and_the_address_stays(open_window: OpenWindow) -> None:
    window = await open_window()
    await window.go("/sign-in")
    await window.page.fill("input[name=email]", ADMIN.email)
    await window.page.fill("input[name=password]", "not the password at all")
    await window.page.keyboard.press("Enter")
    await window.page.get_by_role("alert").wait_for()
    assert await window.page.input_value("input[name=email]") == ADMIN.email
    assert await window.page.input_value("input[name=password]") == ""


async def test_the_first_tab_leads_past_the_navigation(open_window: OpenWindow) -> None:
    window = await open_window("admin")
    await window.go(ELSEWHERE, status=404)
    await window.page.keyboard.press("Tab")
    focus = await window.describe_focus()
    assert focus["href"] == "#main"
    assert focus["is_marked"]
    assert focus["is_on_screen"]
    await window.page.keyboard.press("Enter")
    assert (await window.describe_focus())["id"] == "main"


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_one_sees_where_the_focus_is_all_the_way_round(open_window: OpenWindow, theme: str) -> None:
    window = await open_window("admin", theme=theme)
    await window.go(ELSEWHERE, status=404)
    seen = []
    for _ in range(60):
        await window.page.keyboard.press("Tab")
        focus = await window.describe_focus()
        if focus["tag"] == "body":
            break
        assert focus["is_marked"], focus
        assert focus["is_on_screen"], focus
        seen.append((focus["tag"], focus["href"] or focus["name"] or focus["text"]))
    assert ("a", "/dashboard/") in seen
    assert ("select", "language") in seen
    assert seen.index(("select", "language")) < seen.index(("select", "theme"))


async def test_the_language_is_chosen_on_any_page_and_stays(open_window: OpenWindow) -> None:
    window = await open_window("operator")
    page = window.page
    await window.go(ELSEWHERE, status=404)
    for language, shown, button in (("es", "es", "Cerrar sesión"), ("pt", "pt-BR", "Sair"), ("en", "en", "Sign out")):
        async with page.expect_navigation():
            await page.select_option("select[name=language]", language)
        assert page.url.endswith(ELSEWHERE)
        assert await page.get_attribute("html", "lang") == shown
        assert await page.get_by_role("button", name=button).is_visible(), await page.inner_text("header")
        await page.reload()
        assert await page.get_attribute("html", "lang") == shown


async def test_the_language_is_chosen_without_a_script_by_its_button(open_window: OpenWindow) -> None:
    window = await open_window("operator", javascript=False)
    page = window.page
    for language, shown in (("pt", "pt-BR"), ("en", "en")):
        await window.go(ELSEWHERE, status=404)
        await page.select_option("select[name=language]", language)
        async with page.expect_navigation():
            await page.locator("header form button").first.click()
        assert await page.get_attribute("html", "lang") == shown


async def test_light_and_dark_follow_the_system_until_somebody_chooses(open_window: OpenWindow) -> None:
    shades = {}
    for theme in ("light", "dark"):
        window = await open_window("admin", theme=theme)
        await window.go(ELSEWHERE, status=404)
        shades[theme] = await find_background(window.page)
    assert shades["light"] != shades["dark"]
    for chosen in ("light", "dark"):
        async with window.page.expect_navigation():
            await window.page.select_option("select[name=theme]", chosen)
        assert await find_background(window.page) == shades[chosen]


async def find_background(page: Page) -> str:
    shade: str = await page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    return shade


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["1440", "390"])
async def test_no_page_of_the_frame_is_wider_than_the_window(open_window: OpenWindow, size: tuple[int, int]) -> None:
    nobody, somebody = await open_window(size=size), await open_window("admin", size=size)
    await nobody.go("/sign-in")
    await somebody.go(ELSEWHERE, status=404)
    assert await nobody.find_overflow_px() <= 0
    assert await somebody.find_overflow_px() <= 0
