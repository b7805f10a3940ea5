"""Addresses and numbers that nobody means, and the answers that no operation gives."""

from base64 import urlsafe_b64encode

import pytest

from tests.integration.api.conftest import ACME, Cast, read


@pytest.mark.parametrize("number", ["0", str(2**31), str(2**63), "9" * 19, "9" * 20, "1" * 5_000])
async def test_a_number_that_is_no_id_is_not_there(cast: Cast, number: str) -> None:
    async with cast.client(0, "platform_admin") as client:
        assert read(await client.get(f"/tenants/{number}"), 404)["code"] == "not_found"
        assert read(await client.get(f"/organizations/{number}"), 404)["code"] == "not_found"


@pytest.mark.parametrize("after", ["-1", str(2**31), str(10**30)])
async def test_a_cursor_behind_the_last_possible_id_is_none(cast: Cast, after: str) -> None:
    made_up = urlsafe_b64encode(f"[{after}]".encode()).decode().rstrip("=")
    async with cast.client(ACME) as client:
        refused = await client.get("/tenants", params={"cursor": made_up})
        assert read(refused, 422)["errors"][0]["pointer"] == "/cursor"


async def test_a_trial_ends_at_a_moment_that_can_be_kept(cast: Cast) -> None:
    async with cast.client(0, "platform_admin") as client:
        read(await client.put(f"/tenants/{ACME}", json={"type": "trial"}))
        read(await client.post(f"/tenants/{ACME}/suspend", json={"reason": "unpaid"}))
        one = f"/tenants/{ACME}/activate"
        for wrong in ("2050-01-01T00:00:00", "9999-12-31T23:59:59-14:00"):
            assert read(await client.post(one, json={"trial_ends_at": wrong}), 422)["errors"][0]["pointer"] == (
                "/trial_ends_at"
            )
        shown = read(await client.post(one, json={"trial_ends_at": "2199-12-31T23:59:59-00:00"}))["data"]
    assert shown["trial_ends_at"].startswith("2199-12-31T23:59:59")


async def test_an_address_with_a_slash_too_many_sends_nobody_elsewhere(cast: Cast) -> None:
    async with cast.client(ACME) as client:
        answer = await client.get("/tenants/", headers={"Host": "evil.example", "X-Request-Id": "mine"})
    assert read(answer, 404)["request_id"] == "mine"
    assert answer.headers["x-request-id"] == "mine"
    assert "location" not in answer.headers
