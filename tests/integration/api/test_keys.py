"""Lists of keys: live ones first, and ended ones up to a limit."""

from typing import Any

from app.services.setup import NOT_SET_UP, find_setup_problem
from tests.integration.api.conftest import ACME, TENANT_ROLES, Cast, read


async def test_live_keys_come_first_and_ended_ones_are_cut_off(cast: Cast, superuser: Any) -> None:
    keys = f"/tenants/{ACME}/keys"
    small = cast.under(api_keys_max=6, api_rows_max=1)
    async with small.client(ACME, "owner") as client:
        ended = [
            read(await client.post(keys, json={"name": "once", "role": "analyst"}), 201)["data"]["key_id"],
        ]
        read(await client.delete(f"{keys}/{ended[0]}"))
        ended.append(read(await client.post(keys, json={"name": "twice", "role": "analyst"}), 201)["data"]["key_id"])
        await superuser.execute("UPDATE api_keys SET expires_at = now() WHERE key_id = $1", ended[1])
        read(await client.post(keys, json={"name": "live", "role": "analyst"}), 201)
        listed = read(await client.get(keys))["data"]
        assert [key["name"] for key in listed] == [*TENANT_ROLES, "live"]
    async with cast.client(ACME, "owner") as client:
        listed = read(await client.get(keys))["data"]
        assert [key["key_id"] for key in listed[-2:]] == ended


async def test_an_installation_whose_keys_were_all_revoked_is_set_up_still(cast: Cast, superuser: Any) -> None:
    await superuser.execute("UPDATE api_keys SET revoked_at = now()")
    assert await find_setup_problem(cast.office) is None
    await superuser.execute("DELETE FROM api_keys WHERE scope = 'platform'")
    assert await find_setup_problem(cast.office) == NOT_SET_UP
