"""The API as the command line calls it: its answers, and what it refuses as one sentence."""

import pytest

from scripts.cli.api_client import open_api
from scripts.cli.records import read_segment
from scripts.cli.session import CommandError
from scripts.stack.stack import Stack
from tests.integration.cli.conftest import RunCommand


async def ask(stack: Stack, monkeypatch: pytest.MonkeyPatch, path: str, **environment: str) -> dict[str, object]:
    for name, value in {"ACEQUIA_URL": stack.web_url, "ACEQUIA_API_KEY": stack.api_key, **environment}.items():
        monkeypatch.setenv(name, value)
    async with open_api() as api:
        return await api.get(path, {"limit": 1, "cursor": None})


async def test_it_calls_as_the_key_it_was_given(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    page = await ask(stack, monkeypatch, "/tenants")
    assert page["success"] is True
    assert page["next_cursor"]


@pytest.mark.parametrize(
    ("path", "environment", "sentence"),
    [
        ("/tenants", {"ACEQUIA_API_KEY": "aqk_wrong"}, "Is ACEQUIA_API_KEY right"),
        ("/tenants/999999", {}, "no such tenant.*status 404"),
        ("/tenants", {"ACEQUIA_URL": "http://127.0.0.1:9"}, "does not answer"),
        ("/tenants", {"ACEQUIA_URL": "127.0.0.1:9"}, "must begin with https"),
    ],
)
async def test_what_is_refused_is_one_sentence(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, path: str, environment: dict[str, str], sentence: str
) -> None:
    with pytest.raises(CommandError, match=sentence):
        await ask(stack, monkeypatch, path, **environment)


async def test_without_a_key_it_says_what_to_set(acequia: RunCommand) -> None:
    ran = await acequia("orders", "list", "56", ACEQUIA_API_KEY="")
    assert ran.code == 1
    assert "ACEQUIA_API_KEY" in ran.err
    assert "Traceback" not in ran.err


def test_only_an_id_becomes_a_part_of_an_address() -> None:
    assert read_segment("WyJ2dGV4Il0-_") == "WyJ2dGV4Il0-_"
    for text in ("", "..", "a/b", "a?b", "ñ"):
        with pytest.raises(CommandError):
            read_segment(text)
