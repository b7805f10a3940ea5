"""Calls that the receiver refused, as their tenant and the platform see them."""

import pytest

from app.receiver.refusals import Refusals
from tests.integration.api.conftest import ACME, GLOBEX, Cast, read

PATH = f"/tenants/{ACME}/refused-calls"


@pytest.fixture
async def refused(cast: Cast) -> Refusals:
    """Three of acme's, one of globex's, and one to nobody's address."""
    refusals = Refusals(cast.office.queue.redis, kept=cast.office.settings.refusals_kept)
    refusals.note(ACME, "order_hook", "wrong_secret", client=("198.51.100.77", 40_001))
    refusals.note(ACME, "inline", "unprocessable", "data.external_id", client=("2001:db8:1:2::9", 40_002))
    refusals.note(ACME, "order_hook", "wrong_secret")
    refusals.note(GLOBEX, "order_hook", "queue_full", client=("203.0.113.5", 40_003))
    refusals.note(0, "unknown", "unknown_token", client=("192.0.2.1", 40_004))
    await refusals.flush()
    return refusals


@pytest.mark.usefixtures("refused")
async def test_a_tenant_sees_its_refused_calls_with_reasons_and_no_addresses(cast: Cast) -> None:
    async with cast.client(ACME, "analyst") as client:
        answer = await client.get(PATH)
    told = read(answer)["data"]
    assert [(one["kind"], one["reason"], one["field"], one["network"]) for one in reversed(told["last"])] == [
        ("order_hook", "wrong_secret", None, "198.51.100.0/24"),
        ("inline", "unprocessable", "data.external_id", "2001:db8:1::/48"),
        ("order_hook", "wrong_secret", None, None),
    ]
    assert {(one["kind"], one["reason"]): one["calls"] for one in told["today"]} == {
        ("order_hook", "wrong_secret"): 2, ("inline", "unprocessable"): 1,
    }  # fmt: skip
    assert "queue_full" not in answer.text
    assert "198.51.100.77" not in answer.text


@pytest.mark.usefixtures("refused")
async def test_calls_to_nobodys_address_are_the_platforms_to_see(cast: Cast) -> None:
    async with cast.client(0, "platform_admin") as platform, cast.client(ACME, "owner") as owner:
        told = read(await platform.get("/platform/refused-calls"))["data"]
        assert read(await owner.get("/platform/refused-calls"), 403)["code"] == "forbidden"
    assert [(one["reason"], one["network"]) for one in told["last"]] == [("unknown_token", "192.0.2.0/24")]


async def test_an_auditor_may_not_see_them(cast: Cast) -> None:
    async with cast.client(ACME, "auditor") as client:
        assert read(await client.get(PATH), 403)["code"] == "forbidden"


async def test_a_flood_keeps_the_last_ones_only(cast: Cast) -> None:
    refusals = Refusals(cast.office.queue.redis, kept=cast.office.settings.refusals_kept)
    for number in range(200):
        refusals.note(ACME, "order_hook", "wrong_secret" if number < 199 else "queue_full")
    await refusals.flush()
    async with cast.client(ACME, "operator") as client:
        told = read(await client.get(PATH))["data"]
    assert len(told["last"]) == cast.office.settings.refusals_kept
    assert told["last"][0]["reason"] == "queue_full"
    assert sum(one["calls"] for one in told["today"]) == 200
