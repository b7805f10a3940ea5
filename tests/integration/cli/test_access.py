"""The commands for tenants, people, keys and the audit log, as an operator uses them."""

import json
import stat
from typing import Any

import httpx

from scripts.stack.demo_tenants import BRANDS
from scripts.stack.first_key import API_KEY_FILE
from scripts.stack.first_people import ADMIN, OPERATOR
from scripts.stack.stack import Stack
from tests.integration.cli.conftest import RunCommand

ACME, GLOBEX = (str(brand.tenant_id) for brand in BRANDS[:2])
EMAIL = "ana@correo.example"


async def ask(acequia: RunCommand, *words: str) -> Any:
    """A command's JSON; the command must succeed."""
    ran = await acequia(*words, "--json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


async def call(stack: Stack, key: str, path: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=f"{stack.web_url}/api/v2", trust_env=False) as client:
        return await client.get(path, headers={"Authorization": f"Bearer {key}"})


async def test_the_demo_has_a_key_and_setup_says_that_there_is_one(stack: Stack, acequia: RunCommand) -> None:
    path = stack.path / API_KEY_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text(encoding="ascii") == stack.api_key
    assert (await call(stack, stack.api_key, "/tenants")).status_code == 200
    assert await ask(acequia, "setup") == {"is_new": False, "api_key": None}
    assert "acequia keys create --platform" in (await acequia("setup")).out


async def test_tenants_are_listed_with_their_group(acequia: RunCommand) -> None:
    rows = await ask(acequia, "tenants", "list")
    groups = {row["id"]: row["organization_id"] for row in rows}
    assert {56: 1, 57: 1, 58: 1, 59: None, 60: None}.items() <= groups.items()
    assert BRANDS[0].name in (await acequia("tenants", "list")).out
    of_group = await ask(acequia, "tenants", "list", "--organization", "1")
    assert [row["id"] for row in of_group] == [56, 57, 58]


async def test_a_tenant_is_created_changed_and_shown(acequia: RunCommand) -> None:
    wanted = ("--name", "Nueva Marca", "--slug", "nueva-marca", "--type", "business", "currency=BRL")
    made = await ask(acequia, "tenants", "create", *wanted)
    tenant_id = str(made["id"])
    assert (await acequia("tenants", "create", *wanted)).code == 1
    changed = await ask(acequia, "tenants", "change", tenant_id, "--plan", "gold", "--organization", "1")
    assert (changed["plan"], changed["organization_id"]) == ("gold", 1)
    words = ("max_customers=250000", "features.rfm_analysis=true")
    settings = await ask(acequia, "tenants", "settings", tenant_id, *words)
    assert (settings["currency"], settings["max_customers"]) == ("BRL", 250_000)
    assert settings["features"]["rfm_analysis"] is True
    out_of_it = await ask(acequia, "tenants", "change", tenant_id, "--organization", "0")
    assert out_of_it["organization_id"] is None
    actions = [entry["action"] for entry in await ask(acequia, "audit", "list", tenant_id)]
    assert actions == ["tenant.changed", "tenant.settings_changed", "tenant.changed", "tenant.created"]


async def test_a_tenant_is_suspended_served_again_and_deleted_in_two_steps(stack: Stack, acequia: RunCommand) -> None:
    made = await ask(acequia, "tenants", "create", "--name", "Otra", "--slug", "otra", "--type", "business")
    tenant_id = str(made["id"])

    async def find_status() -> tuple[str, str | None]:
        shown = await ask(acequia, "tenants", "show", tenant_id)
        return shown["status"], shown["status_reason"]

    await ask(acequia, "tenants", "suspend", tenant_id, "--reason", "unpaid")
    assert await find_status() == ("suspended", "unpaid")
    assert (await acequia("tenants", "suspend", tenant_id, "--reason", "again")).code == 1
    await ask(acequia, "tenants", "activate", tenant_id)
    assert (await find_status())[0] == "active"
    code = (await ask(acequia, "tenants", "delete", tenant_id))["code"]
    assert (await find_status())[0] == "active"
    assert (await acequia("tenants", "delete", ACME, "--code", code)).code == 1
    assert (await ask(acequia, "tenants", "delete", tenant_id, "--code", code))["status"] == "deleting"
    await ask(acequia, "tenants", "cancel-deletion", tenant_id)
    assert (await find_status())[0] == "suspended"


async def test_what_is_wrong_with_a_setting_is_one_sentence(acequia: RunCommand) -> None:
    for word in ("max_customers=-1", "timezone=Mars", "nonsense=1", "currency"):
        ran = await acequia("tenants", "settings", ACME, word)
        assert ran.code == 1, word
        assert ran.err.startswith("acequia: ")
        assert "Traceback" not in ran.err


async def test_an_organization_is_made_and_listed(acequia: RunCommand) -> None:
    made = await ask(acequia, "organizations", "create", "Grupo Dos")
    rows = await ask(acequia, "organizations", "list")
    assert {"organization_id": made["organization_id"], "name": "Grupo Dos"}.items() <= rows[-1].items()


async def test_a_key_lives_from_making_to_revoking(stack: Stack, acequia: RunCommand) -> None:
    made = await ask(acequia, "keys", "create", ACME, "--name", "ERP", "--role", "analyst", "--days", "30")
    key_id, secret = made["key_id"], made["api_key"]
    assert (await call(stack, secret, f"/tenants/{ACME}")).status_code == 200
    assert (await call(stack, secret, f"/tenants/{GLOBEX}")).status_code == 404
    rotated = await ask(acequia, "keys", "rotate", key_id)
    assert rotated["secrets_valid"] == 2
    retired = await ask(acequia, "keys", "retire-previous", key_id)
    assert retired["secrets_valid"] == 1
    assert (await ask(acequia, "keys", "revoke", key_id))["status"] == "revoked"
    listed = await ask(acequia, "keys", "list", ACME)
    assert [key["status"] for key in listed if key["key_id"] == key_id] == ["revoked"]
    assert secret not in json.dumps(listed)
    assert key_id not in json.dumps(await ask(acequia, "keys", "list", GLOBEX))


async def test_a_key_needs_one_place_and_a_role_of_its_own(acequia: RunCommand) -> None:
    for words in (
        ("create", "--name", "x", "--role", "analyst"),
        ("create", ACME, "--platform", "--name", "x"),
        ("create", ACME, "--name", "x"),
        ("create", "--platform", "--name", "x", "--role", "owner"),
        ("create", ACME, "--name", "x", "--role", "platform_admin"),
        ("create", "999999", "--name", "x", "--role", "owner"),
        ("revoke", "nothing"),
    ):
        ran = await acequia("keys", *words)
        assert ran.code == 1, words
        assert "Traceback" not in ran.err
    group = await ask(acequia, "keys", "create", "--organization", "1", "--name", "group", "--role", "auditor")
    assert (group["scope"], group["scope_id"]) == ("organization", 1)


async def test_people_are_invited_changed_and_removed(acequia: RunCommand) -> None:
    invite = ("users", "invite", ACME, "--email", EMAIL, "--name", "Ana", "--role")
    made = await ask(acequia, *invite, "admin")
    person_id = made["person_id"]
    assert made["invitation_code"] != (await ask(acequia, *invite, "admin"))["invitation_code"]
    assert (await acequia(*invite, "owner")).code == 1
    assert (await ask(acequia, "users", "role", person_id, "owner", ACME))["role"] == "owner"
    people = [one["email"] for one in await ask(acequia, "users", "list", ACME)]
    assert set(people) == {OPERATOR.email, EMAIL}
    assert await ask(acequia, "users", "list", GLOBEX) == []
    assert len((await ask(acequia, "users", "reset-password", person_id))["password"]) >= 12
    assert (await ask(acequia, "users", "disable", person_id))["status"] == "disabled"
    assert (await ask(acequia, "users", "enable", person_id))["status"] == "active"
    await ask(acequia, "users", "invite", ACME, "--email", "eva@correo.example", "--name", "Eva", "--role", "owner")
    await ask(acequia, "users", "remove", person_id, ACME)
    assert "Eva" in [one["name"] for one in await ask(acequia, "users", "list", ACME)]
    assert EMAIL not in [one["email"] for one in await ask(acequia, "users", "list", ACME)]
    audit = await ask(acequia, "audit", "list", ACME)
    assert {entry["actor_kind"] for entry in audit} == {"cli", "person"}, "the demo's person accepted an invitation"
    assert "correo.example" not in json.dumps(audit)


async def test_a_platform_admin_is_made_with_a_password(acequia: RunCommand) -> None:
    made = await ask(acequia, "users", "create-admin", "--email", "root@correo.example", "--name", "Root")
    assert (made["role"], len(made["password"]) >= 12) == ("platform_admin", True)
    assert [one["email"] for one in await ask(acequia, "users", "list", "--platform")] == [
        ADMIN.email, "root@correo.example",
    ]  # fmt: skip
    audit = await ask(acequia, "audit", "list", "--platform", "-n", "1")
    assert [entry["action"] for entry in audit] == ["person.made_platform_admin"]


async def test_integrations_are_shown_without_credentials(acequia: RunCommand) -> None:
    rows = await ask(acequia, "integrations", "list", ACME)
    assert [(row["id"], row["type"]) for row in rows] == [(f"int_{ACME}_1", "vtex"), (f"int_{ACME}_2", "brand")]
    shown = await ask(acequia, "integrations", "show", rows[0]["id"])
    assert "sealed_credentials" not in shown
    assert (await acequia("integrations", "show", "int_56_99")).code == 1
