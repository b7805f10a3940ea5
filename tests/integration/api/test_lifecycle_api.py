"""A tenant's life over the API."""

from typing import Any

from tests.integration.api.conftest import ACME, Cast, read


async def test_a_suspended_tenant_is_read_and_says_why(cast: Cast) -> None:
    async with cast.client(0, "platform_admin") as platform, cast.client(ACME, "owner") as owner:
        read(await platform.post(f"/tenants/{ACME}/suspend", json={"reason": "unpaid"}))
        shown = read(await owner.get(f"/tenants/{ACME}"))["data"]
        assert (shown["status"], shown["status_reason"]) == ("suspended", "unpaid")
        again = await platform.post(f"/tenants/{ACME}/suspend", json={"reason": "unpaid"})
        assert read(again, 409)["code"] == "tenant_state"
        assert read(await platform.post(f"/tenants/{ACME}/activate"))["data"]["status"] == "active"


async def test_a_tenant_is_deleted_in_two_steps_and_kept_after_all(cast: Cast) -> None:
    async with cast.client(ACME, "owner") as owner, cast.client(ACME, "admin") as admin:
        read(await admin.delete(f"/tenants/{ACME}"), 403)
        first = read(await owner.delete(f"/tenants/{ACME}"), 202)["data"]
        assert (first["status"], first["delete_after"]) == ("active", None)
        wrong = await owner.delete(f"/tenants/{ACME}", params={"confirmation": "0-0"})
        assert read(wrong, 409)["code"] == "deletion_code"
        second = read(await owner.delete(f"/tenants/{ACME}", params={"confirmation": first["confirmation"]}), 202)
        assert second["data"]["status"] == "deleting"
        kept = read(await owner.post(f"/tenants/{ACME}/cancel-deletion"))["data"]
        assert (kept["status"], kept["delete_after"]) == ("suspended", None)


async def test_nothing_is_added_to_an_erased_tenant(cast: Cast, superuser: Any) -> None:
    await superuser.execute("UPDATE tenants SET status = 'deleted', delete_after = now() WHERE tenant_id = $1", ACME)
    await cast.office.keyring.destroy(ACME)
    person = {"email": "ana@example.org", "name": "Ana", "role": "admin"}
    integration = {"tenant_id": ACME, "type": "brand", "account": "erp"}
    async with cast.client(0, "platform_admin") as platform:
        assert read(await platform.get(f"/tenants/{ACME}"))["data"]["status"] == "deleted"
        assert read(await platform.get(f"/tenants/{ACME}/customers"), 410)["code"] == "gone"
        for path, body in (
            (f"/tenants/{ACME}/keys", {"name": "k", "role": "admin"}),
            (f"/tenants/{ACME}/people", person),
            ("/tenant-integrations", integration),
        ):
            assert read(await platform.post(path, json=body), 404)["code"] == "not_found"
