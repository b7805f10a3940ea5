"""A validation over the sandbox: whatever is wrong is told in words, several things at once, and nothing is written."""

from collections.abc import Callable
from typing import Any

import pytest

from app.connectors.vtex.client import VtexClient
from app.connectors.vtex.findings import Finding
from app.connectors.vtex.validation import Validation, validate
from app.core.errors import MappingError
from app.core.outbound import Outbound
from app.core.settings import Settings
from tests.integration.sandbox.conftest import NoLimit, Provider
from tests.integration.sandbox.remote import Receiver, Sandbox

STABLE = "vtexcommercestable"
ALL = ["Feed v3 and Hook Admin", "List Orders", "Read only documents", "View order"]
MISSING = {
    "List Orders": "OMS / List Orders",
    "View order": "OMS / View order",
    "Feed v3 and Hook Admin": "OMS / Feed v3 and Hook Admin",
    "Read only documents": "Dynamic Storage / Read only documents",
}
MakeProvider = Callable[..., Provider]


CHECKED = {"app_key": "vtexappkey-checked-ABCDEF", "app_token": "canary-s3cret"}


async def put(sandbox: Sandbox, account: str, **fields: Any) -> None:
    await sandbox.control("PUT", "accounts", {account: {**CHECKED, **fields}})


@pytest.fixture
async def check(sandbox: Sandbox, make_provider: MakeProvider) -> Callable[..., Any]:
    """`await check()`: acme's validation; `keys` and `account` take the place of the right ones."""
    client = make_provider(provider_call_timeout_s=2).client
    await put(sandbox, sandbox.acme)

    async def run(account: str | None = None, **keys: str) -> Validation:
        found = await validate(client, account or sandbox.acme, STABLE, {**CHECKED, **keys})
        assert "canary" not in repr(found)
        return found

    return run


def list_codes(found: Validation) -> list[str]:
    return [finding.code for finding in found.findings]


async def fail(sandbox: Sandbox, route: str, **fault: Any) -> None:
    await sandbox.control("POST", "faults", {"account": sandbox.acme, "route": route, **fault})


async def test_everything_fine_is_said_too(sandbox: Sandbox, receiver: Receiver, check: Any) -> None:
    await put(sandbox, sandbox.acme, permissions=ALL)
    before = (await sandbox.control("GET", "accounts"))[sandbox.acme]
    found = await check()
    assert found.is_valid
    assert found.streams == ("orders", "customers")
    assert [(finding.code, finding.severity) for finding in found.findings] == [("all_fine", "info")]
    assert (await sandbox.control("GET", "accounts"))[sandbox.acme] == before
    assert receiver.calls == []


@pytest.mark.parametrize("keys", [{"app_token": "canary-other"}, {"app_key": "vtexappkey-checked-WRONGX"}])
async def test_a_wrong_key_or_token_is_told_without_it(check: Any, keys: dict[str, str]) -> None:
    found = await check(**keys)
    assert (found.is_valid, list_codes(found), found.streams) == (False, ["wrong_credentials"], ())


async def test_a_key_of_another_account_is_noticed_by_its_form(check: Any) -> None:
    found = await check(app_key="vtexappkey-otherstore-ABCDEF")
    assert list_codes(found) == ["wrong_credentials"]
    assert "another account, otherstore" in found.findings[0].message


async def test_a_key_that_logs_in_and_is_refused_is_wrong_here(sandbox: Sandbox, check: Any) -> None:
    for route in ("list_orders", "get_order", "get_hook", "search_CL"):
        await fail(sandbox, route, status=401)
    found = await check()
    assert (found.is_valid, list_codes(found)) == (False, ["wrong_credentials"]), "four refusals say one thing"
    assert "made in this account" in found.findings[0].message


async def test_an_account_that_vtex_does_not_know(check: Any) -> None:
    found = await check(account="nosuchstore")
    assert (found.is_valid, list_codes(found)) == (False, ["wrong_account"])
    assert "nosuchstore" in found.findings[0].message


@pytest.mark.parametrize("name", MISSING)
async def test_a_missing_permission_is_named_with_its_product(sandbox: Sandbox, check: Any, name: str) -> None:
    await put(sandbox, sandbox.acme, permissions=[other for other in ALL if other != name])
    found = await check()
    [finding] = found.findings
    assert (finding.code, finding.severity, finding.permission) == ("missing_permission", "error", MISSING[name])
    assert MISSING[name] in finding.message
    assert not found.is_valid
    lost = {"View order": "orders", "Read only documents": "customers"}.get(name)
    assert set(found.streams) == {"orders", "customers"} - {lost}


async def test_one_finding_does_not_hide_another(sandbox: Sandbox, check: Any) -> None:
    await put(sandbox, sandbox.acme, permissions=["View order"])
    found = await check()
    assert {finding.permission for finding in found.findings} == set(MISSING.values()) - {"OMS / View order"}
    assert found.streams == ("orders",)
    await put(sandbox, sandbox.acme, permissions=[])
    found = await check()
    assert [finding.permission for finding in found.findings] == list(MISSING.values())
    assert found.streams == ()


async def test_different_failures_stand_side_by_side(sandbox: Sandbox, check: Any) -> None:
    await put(sandbox, sandbox.acme, permissions=[name for name in ALL if name != "View order"])
    await fail(sandbox, "search_CL", status=429, retry_after_s=7)
    await fail(sandbox, "get_hook", kind="hang")
    found = await check()
    assert list_codes(found) == ["missing_permission", "provider_unavailable", "provider_throttled"]
    assert [finding.permission for finding in found.findings] == ["OMS / View order", None, None]
    assert "7 s" in found.findings[2].message


async def test_a_store_without_orders_still_shows_whether_orders_may_be_read(sandbox: Sandbox, check: Any) -> None:
    empty = f"empty-{sandbox.acme}"
    await put(sandbox, empty, permissions=ALL)
    assert (await check(account=empty)).streams == ("orders", "customers")
    await put(sandbox, empty, permissions=[name for name in ALL if name != "View order"])
    assert [finding.permission for finding in (await check(account=empty)).findings] == ["OMS / View order"]


async def test_a_provider_that_is_down_says_nothing_of_the_key(sandbox: Sandbox, check: Any) -> None:
    await put(sandbox, sandbox.acme, offline=True)
    found = await check()
    assert (found.is_valid, list_codes(found)) == (False, ["provider_unavailable"])
    assert "503" in found.findings[0].message


@pytest.mark.parametrize("route", ["log_in", "list_orders", "get_order", "get_hook", "search_CL"])
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"kind": "garbage"}, "provider_unavailable"),
        ({"status": 500}, "provider_unavailable"),
        ({"status": 302}, "provider_unavailable"),
        ({"status": 408}, "provider_unavailable"),
        ({"status": 429}, "provider_throttled"),
    ],
)
async def test_what_vtex_answers_is_a_finding_and_never_an_error(
    sandbox: Sandbox, check: Any, route: str, fault: dict[str, Any], code: str
) -> None:
    await fail(sandbox, route, **fault)
    found = await check()
    assert (found.is_valid, list_codes(found)) == (False, [code])


async def test_a_store_under_data_protection_plus_works_for_orders(sandbox: Sandbox, check: Any) -> None:
    await put(sandbox, sandbox.acme, data_protection_plus=True)
    found = await check()
    assert (found.is_valid, list_codes(found), found.streams) == (True, ["data_protection_plus"], ("orders",))
    [finding] = found.findings
    assert finding.severity == "warning"
    assert "masked" in finding.message
    await put(sandbox, sandbox.acme, permissions=["View order", "List Orders"])
    found = await check()
    assert list_codes(found) == ["missing_permission", "missing_permission", "data_protection_plus"]


async def test_no_customers_without_an_order_to_look_at_is_told_as_well(sandbox: Sandbox, check: Any) -> None:
    empty = f"empty-{sandbox.acme}"
    await put(sandbox, empty, data_protection_plus=True)
    found = await check(account=empty)
    assert list_codes(found) == ["data_protection_plus"]
    assert "no customers" in found.findings[0].message


async def find_without_connection(known_hosts: dict[str, bool | None]) -> Finding:
    """What is said of acme when nobody listens and names resolve as given."""

    async def look_up(host: str) -> bool | None:
        return known_hosts[host]

    async with Outbound(Settings(), NoLimit()) as outbound:
        client = VtexClient(outbound, url_template="https://{account}.{environment}.invalid:1")
        [finding] = (await validate(client, "acme", STABLE, CHECKED, look_up=look_up)).findings
        return finding


@pytest.mark.parametrize(
    ("acme", "reference", "code"),
    [
        (False, True, "wrong_account"),
        (False, False, "provider_unavailable"),
        (False, None, "provider_unavailable"),
        (None, True, "provider_unavailable"),
        (True, True, "provider_unavailable"),
    ],
)
async def test_an_unknown_host_is_a_wrong_account_only_where_names_resolve(
    acme: bool | None, reference: bool | None, code: str
) -> None:
    finding = await find_without_connection({f"acme.{STABLE}.invalid": acme, f"api.{STABLE}.invalid": reference})
    assert finding.code == code
    assert "account" in finding.message


async def test_nobody_listening_says_what_to_check() -> None:
    async with Outbound(Settings(), NoLimit()) as outbound:
        client = VtexClient(outbound, url_template="http://127.0.0.1:1/{account}")
        [finding] = (await validate(client, "acme", STABLE, CHECKED)).findings
    assert finding.code == "provider_unavailable"
    assert "https://acme.myvtex.com/admin" in finding.message


async def test_a_name_that_makes_no_host_calls_nobody(check: Any) -> None:
    with pytest.raises(MappingError):
        await check(account="evil.com/#")
