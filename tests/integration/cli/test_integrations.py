"""`acequia integrations` over the running demo: made, validated, paused, resumed, rotated and deleted."""

from typing import Any

import httpx
import pytest

from scripts.stack.stack import Stack
from tests.integration.cli.conftest import RunCommand
from tests.integration.cli.test_access import ask

KEY, TOKEN = "vtexappkey-segundatienda-ABCDEF", "a-token-for-the-second-store"


@pytest.fixture
async def store(stack: Stack) -> str:
    """Another account at the provider, with a key of its own."""
    account = "segundatienda"
    async with httpx.AsyncClient(base_url=stack.sandbox_url) as client:
        body: dict[str, Any] = {account: {"app_key": KEY, "app_token": TOKEN, "orders": 2, "customers": 2}}
        assert (await client.put("/_sandbox/accounts", json=body)).status_code == 200
    return account


async def test_an_integration_is_made_paused_resumed_rotated_and_deleted(acequia: RunCommand, store: str) -> None:
    fields = (f"account={store}", f"app_key={KEY}")
    validated = await acequia("integrations", "validate", "vtex", *fields, ACEQUIA_FIELD_APP_TOKEN=TOKEN)
    assert validated.code == 0, validated.err
    end = ("--credentials-expire-at", "2031-01-31T00:00:00Z")
    made = await ask(acequia, "integrations", "create", "57", "vtex", *fields, f"app_token={TOKEN}", *end)
    assert (made["hook"]["status"], made["credentials_expire_at"]) == ("registered", end[1])
    one = made["id"]
    assert (await ask(acequia, "integrations", "pause", one))["status"] == "paused"
    assert (await ask(acequia, "integrations", "resume", one))["status"] == "active"
    assert (await ask(acequia, "integrations", "rotate-secret", one))["hook"]["status"] == "registered"
    [hook, trigger] = await ask(acequia, "integrations", "addresses", one)
    assert (hook["kind"], trigger["kind"]) == ("order_hook", "customer_trigger")
    assert one in (await acequia("integrations", "list", "57")).out
    assert (await ask(acequia, "integrations", "delete", one, "--yes"))["status"] == "deleted"
    assert (await acequia("integrations", "show", one)).code == 1


async def test_wrong_fields_are_told_and_no_secret_is_repeated(acequia: RunCommand, store: str) -> None:
    wrong = await acequia(
        "integrations", "create", "57", "vtex", f"account={store}", f"app_key={KEY}", "app_token=nope"
    )
    assert wrong.code == 1
    assert "nope" not in wrong.out + wrong.err
    assert (await acequia("integrations", "validate", "nothing")).code == 1
    assert "FIELD=VALUE" in (await acequia("integrations", "validate", "vtex", "account")).err
