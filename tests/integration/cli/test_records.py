"""Orders and customers on the command line: through the API, masked unless asked for."""

import json
import time
from typing import Any

import httpx

from scripts.stack.demo_tenants import BRANDS
from scripts.stack.stack import Stack
from tests.integration.cli.conftest import RunCommand

ACME, GLOBEX = BRANDS[0], BRANDS[1]


async def ask(acequia: RunCommand, *words: str) -> Any:
    ran = await acequia(*words, "--json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


async def make_record(stack: Stack, acequia: RunCommand, kind: str) -> str:
    """A new object at acme's store, stored by us; its id there."""
    async with httpx.AsyncClient(base_url=stack.sandbox_url, trust_env=False) as sandbox:
        body = {"account": ACME.account, "kind": kind}
        answer = (await sandbox.post("/_sandbox/changes", json=body)).raise_for_status().json()
    record_id: str = answer["object_id"]
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        rows = await ask(acequia, f"{kind}s", "list", str(ACME.tenant_id), "--id", record_id)
        if rows:
            return record_id
    raise AssertionError(f"{kind} {record_id} did not arrive")


async def test_an_order_is_listed_and_shown_to_its_own_tenant(stack: Stack, acequia: RunCommand) -> None:
    record_id = await make_record(stack, acequia, "order")
    shown = await ask(acequia, "orders", "show", str(ACME.tenant_id), record_id)
    assert (shown["external_id"], shown["is_masked"]) == (record_id, True)
    assert record_id in (await acequia("orders", "list", str(ACME.tenant_id))).out
    assert record_id not in (await acequia("orders", "list", str(GLOBEX.tenant_id))).out
    assert (await acequia("orders", "show", str(GLOBEX.tenant_id), record_id)).code == 1


async def test_a_customer_is_masked_unless_that_is_asked_for_and_audited(stack: Stack, acequia: RunCommand) -> None:
    record_id, tenant_id = await make_record(stack, acequia, "customer"), str(ACME.tenant_id)
    masked = await ask(acequia, "customers", "show", tenant_id, record_id)
    opened = await ask(acequia, "customers", "show", tenant_id, record_id, "--reveal")
    assert masked["is_masked"]
    assert masked["email"] != opened["email"]
    found = await ask(acequia, "customers", "list", tenant_id, "--email", opened["email"])
    assert record_id in {row["external_id"] for row in found}
    audit = json.dumps(await ask(acequia, "audit", "list", tenant_id))
    assert "reveal" in audit
    assert opened["email"] not in audit


async def test_what_the_api_refuses_is_one_sentence(acequia: RunCommand) -> None:
    for words in (("list", "56", "--updated-since", "yesterday"), ("show", "56", "nothing"), ("list", "999999")):
        ran = await acequia("orders", *words)
        assert ran.code == 1
        assert ran.err.startswith("acequia: ")
        assert "Traceback" not in ran.err
