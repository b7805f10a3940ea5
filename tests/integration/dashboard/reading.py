"""Pages read as their people do: in a language, with their signs, and following where an answer leads."""

import html

import httpx

from app.dashboard.viewer import Choice, Language, write_choice
from app.services.permissions import Role
from tests.integration.dashboard.conftest import Browse


async def open_in(
    browse: Browse, tenant_id: int = 0, role: Role | None = None, language: Language = "en"
) -> httpx.AsyncClient:
    """A browser that has chosen its language: a tenant's own would come first."""
    browser = await browse(tenant_id, role)
    cookie = write_choice(Choice(language=language), is_secure=False).partition(";")[0]
    name, _, value = cookie.partition("=")
    browser.cookies.set(name, value)
    return browser


def read(answer: httpx.Response, status: int = 200) -> str:
    """The text of a page that must have this status, with its signs as they are read."""
    assert answer.status_code == status, answer.text
    return html.unescape(answer.text)


async def follow(browser: httpx.AsyncClient, answer: httpx.Response) -> str:
    """Through several pages that only lead on, too."""
    assert answer.status_code == 303, answer.text
    for _ in range(3):
        answer = await browser.get(f"http://acequia.test{answer.headers['location']}")
        if answer.status_code != 303:
            break
    return read(answer)
