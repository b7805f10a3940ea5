"""P4 over HTTP, made from the routes: as acme with globex's ids, every operation, and injected SQL through every value.

What must hold: the same 404 as for nothing; nothing of globex in any answer or log; globex's rows the same bytes.
"""

import re
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, NamedTuple

import httpx
import pytest

from app.api.app import OPERATIONS
from app.api.operation import PREFIX, Operation
from app.services.ids import write_record_id
from app.services.permissions import ROLE_PERMISSIONS
from db.versions import Key
from tests.integration.api.conftest import ACME, GLOBEX, ORGANIZATIONS, Cast
from tests.integration.api.seeds import CANARY, CANARY_NUMBER, Seeds, plant, plant_spend
from tests.integration.db.sweep.rows import describe_rows, list_tenant_tables

NOWHERE = 999_999
# A body that each operation takes. A new operation with a body must be written here too.
BODIES: dict[str, dict[str, Any]] = {
    "create_tenant": {"name": "n", "slug": "brand-57", "type": "trial"},
    "change_tenant": {"name": "taken over"},
    "change_settings": {"currency": "USD"},
    "suspend_tenant": {"reason": "r"},
    "create_organization": {"name": "n"},
    "validate_integration": {
        "account_name": "nobody",
        "environment": "vtexcommercestable",
        "app_key": "k",
        "app_token": "t",
    },
    "create_integration": {
        "tenant_id": ACME,
        "integration_type": "vtex",
        "account_name": "nobody",
        "app_key": "k",
        "app_token": "t",
        "name": "shared name",
    },
    "change_integration": {"name": "taken over", "auto_sync": False},
    "create_key": {"name": "shared name", "role": "analyst"},
    "create_organization_key": {"name": "n", "role": "analyst"},
    "create_platform_key": {"name": "n"},
    "invite_person": {"email": "x@example.org", "name": "n", "role": "analyst"},
    "invite_organization_person": {"email": "y@example.org", "name": "n", "role": "analyst"},
    "change_role": {"role": "auditor"},
    "change_organization_role": {"role": "auditor"},
    "accept_invitation": {"email": "x@example.org", "code": "c", "password": "some long password"},
    "log_in": {"email": "x@example.org", "password": "some long password"},
    "start_sync": {
        "integration_types": ["vtex"],
        "sync_type": "repair",
        "priority": "high",
        "streams": ["orders"],
        "since": "2026-11-01T00:00:00Z",
        "until": "2026-11-02T00:00:00Z",
    },
    "enqueue_objects": {"stream": "orders", "external_ids": ["o-1"], "priority": "high"},
    "estimate_bulk": {"filter": {"reason": "unmappable"}},
    "start_bulk": {"action": "discard", "filter": {"reason": "unmappable"}},
    "change_alert_rule": {"threshold": 50.0},
    "change_platform_alert_rule": {"is_enabled": True},
    "snooze_alert": {"minutes": 60},
    "snooze_platform_alert": {"minutes": 60},
    "create_alert_channel": {"kind": "slack", "name": "n", "url": "https://hooks.invalid/x"},
    "create_platform_alert_channel": {"kind": "slack", "name": "n", "url": "https://hooks.invalid/x"},
    "change_alert_channel": {"name": "taken over"},
    "change_platform_alert_channel": {"name": "taken over"},
    "report_backup": {"kind": "data"},
    "change_password": {"current_password": "some long password", "new_password": "another long password"},
}
# Ids that both tenants have: acme's own thing answers to them.
SHARED = {"customer_id", "order_id", "rule"}
INJECTIONS = (
    f"' OR tenant_id = {GLOBEX} --",
    f"'; SELECT set_config('app.tenant_token', 'v1|{GLOBEX}|x|9999999999|k1|00', true); --",
    f"x' UNION SELECT sealed::text FROM customers WHERE tenant_id = {GLOBEX} --",
    "'; SET ROLE acequia_owner; SELECT * FROM customers; --",
    f'{{"tenant_id": {GLOBEX}}}',
    f"int_{GLOBEX}_1",
    "$1",
    "%27%20OR%201=1",
)


class Ids(NamedTuple):
    """What may stand in an address, by the parameter's name."""

    values: dict[str, list[Any]]

    @classmethod
    def of(cls, seeds: Seeds) -> "Ids":
        return cls(
            {
                "tenant_id": [seeds.tenant_id],
                "organization_id": [ORGANIZATIONS[seeds.tenant_id]],
                "integration_id": [f"int_{seeds.tenant_id}_1"],
                "key_id": list(seeds.key_ids),
                "person_id": list(seeds.person_ids),
                "type": ["vtex"],
                "event_id": [seeds.event_ids[0], seeds.dead_ids[0]],
                "dead_letter_id": [seeds.dead_ids[0]],
                "order_id": [write_record_id(Key("vtex", "store1", seeds.order_ids[0]))],
                "customer_id": [write_record_id(Key("vtex", "store1", seeds.customer_ids[0]))],
                "run_id": [seeds.run_ids[0]],
                "operation_id": list(seeds.operation_ids),
                "alert_id": [seeds.alert_id],
                "channel_id": [seeds.channel_ids[0]],
                "rule": ["storage"],
            }
        )


@pytest.fixture
async def planted(cast: Cast, open_database: Callable[..., Any]) -> tuple[Ids, Ids]:
    writer = await open_database("worker")
    ours = await plant(cast.office, writer, ACME, is_theirs=False)
    theirs = await plant(cast.office, writer, GLOBEX, is_theirs=True)
    syncer = await open_database("syncer")
    await plant_spend(syncer, ACME, is_theirs=False)
    await plant_spend(syncer, GLOBEX, is_theirs=True)
    return Ids.of(ours), Ids.of(theirs)


@pytest.fixture
async def untouched(planted: Any, superuser: Any, capfd: Any) -> Any:
    """Afterwards globex's rows are the same bytes, and no log tells of them."""
    del planted
    before = await describe(superuser)
    yield
    assert await describe(superuser) == before
    out, err = capfd.readouterr()
    assert not tells_of_globex(out + err)


async def describe(superuser: Any) -> dict[str, Any]:
    rows = await describe_rows(superuser, await list_tenant_tables(superuser), GLOBEX)
    for table, where in (("api_keys", "scope_id"), ("person_roles", "scope_id"), ("tenant_slugs", "tenant_id")):
        found = await superuser.fetch(f"SELECT x::text FROM {table} AS x WHERE {where} IN ({GLOBEX}, 2) ORDER BY 1")
        rows[table] = str(found)
    return rows


def test_every_operation_with_a_body_is_tried() -> None:
    assert {one.operation_id for one in OPERATIONS if one.body and one.is_body_required} <= set(BODIES)


@pytest.mark.parametrize("role", ["owner", "operator"])
async def test_globexs_addresses_are_to_acme_as_if_there_were_nothing(
    cast: Cast, planted: tuple[Ids, Ids], untouched: None, role: Any
) -> None:
    del untouched
    theirs = planted[1]
    async with cast.client(ACME, role) as client:
        for operation in OPERATIONS:
            for path in list_paths(operation, theirs.values):
                answer = await send(client, operation, path, tenant_id=GLOBEX)
                assert not tells_of_globex(answer.text), f"{operation.operation_id} {path}: {answer.text}"
                if operation.subject in {"tenant", "organization"}:
                    assert answer.status_code == 404, f"{operation.operation_id} {path}: {answer.text}"
                    assert without_id(answer) == without_id(await send_nowhere(client, operation)), path
                elif operation.subject == "platform":
                    assert answer.status_code == 403, f"{operation.operation_id} {path}: {answer.text}"


async def test_globexs_things_are_not_among_acmes(cast: Cast, planted: tuple[Ids, Ids], untouched: None) -> None:
    del untouched
    ours, theirs = planted
    values = {**theirs.values, "tenant_id": [ACME], "integration_id": [f"int_{ACME}_1"]}
    tried = 0
    async with cast.client(ACME, "owner") as client:
        for operation in OPERATIONS:
            names = set(re.findall(r"\{(\w+)", operation.path)) - {"tenant_id", "organization_id", "integration_id"}
            for path in list_paths(operation, values) if operation.subject == "tenant" else ():
                answer = await send(client, operation, path, tenant_id=ACME)
                assert not tells_of_globex(answer.text), f"{operation.operation_id} {path}: {answer.text}"
                if names and not names & SHARED:
                    tried += 1
                    assert answer.status_code == 404, f"{operation.operation_id} {path}: {answer.text}"
    assert tried > 5
    assert ours.values["key_id"] != theirs.values["key_id"]


async def test_every_list_of_acmes_shows_acmes_own(cast: Cast, planted: tuple[Ids, Ids], untouched: None) -> None:
    del untouched
    async with cast.client(ACME, "owner") as client:
        for operation in OPERATIONS:
            if operation.method != "GET" or operation.subject not in {"tenant", "anywhere", "caller"}:
                continue
            for path in list_paths(operation, planted[0].values):
                answer = await send(client, operation, path, tenant_id=ACME)
                assert answer.status_code == 200, f"{operation.operation_id} {path}: {answer.text}"
                assert not tells_of_globex(answer.text), f"{operation.operation_id} {path}"


async def test_the_same_lists_do_show_globex_to_globex(cast: Cast, planted: tuple[Ids, Ids]) -> None:
    """So that the search above would find it."""
    told = set()
    async with cast.client(GLOBEX, "owner") as client:
        for operation in OPERATIONS:
            if operation.method == "GET" and operation.subject == "tenant":
                for path in list_paths(operation, planted[1].values):
                    answer = await send(client, operation, path, tenant_id=GLOBEX)
                    told |= {operation.operation_id} if tells_of_globex(answer.text) else set()
    assert len(told) > 1, told


async def test_injected_sql_reaches_nothing_of_globex(cast: Cast, planted: tuple[Ids, Ids], untouched: None) -> None:
    del untouched
    ours = planted[0]
    tried = 0
    async with cast.client(ACME, "owner") as client:
        for operation in OPERATIONS:
            if operation.permission not in ROLE_PERMISSIONS["owner"] and operation.subject != "caller":
                continue
            for path, query, body in list_injected(operation, ours):
                answer = await client.request(
                    operation.method, path.removeprefix(PREFIX), params=query, json=body if operation.body else None
                )
                tried += 1
                shown = f"{operation.operation_id} {path} {query} {body}: {answer.text}"
                assert answer.status_code < 500, shown
                assert not tells_of_globex(answer.text), shown
    assert tried > 200


def list_paths(operation: Operation, values: dict[str, list[Any]]) -> Iterator[str]:
    """Every address that the ids give."""
    names = re.findall(r"\{(\w+)", operation.path)
    for chosen in product(*(values[name] for name in names)):
        path = operation.path
        for name, value in zip(names, chosen, strict=True):
            path = re.sub(rf"\{{{name}(:int)?\}}", str(value), path)
        yield path


def list_injected(operation: Operation, ours: Ids) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """(path, query, body), each with one value replaced."""
    query = {"tenant_id": ACME} if operation.tenant_in == "query" else {}
    body = BODIES.get(operation.operation_id, {})
    [path, *_] = list_paths(operation, ours.values)
    texts = re.findall(r"\{(\w+)\}", operation.path)
    fields = dict(operation.query.model_fields) if operation.query else {}
    for injected in INJECTIONS:
        for name in texts:
            values = {**ours.values, name: [injected.replace("/", "%2F").replace("?", "%3F").replace("#", "%23")]}
            yield next(list_paths(operation, values)), query, body
        for name in [field.alias or name for name, field in fields.items()]:
            yield path, {**query, name: injected}, body
        for name, value in body.items():
            yield path, query, {**body, name: [injected] if isinstance(value, list) else injected}


async def send(client: httpx.AsyncClient, operation: Operation, path: str, *, tenant_id: int) -> httpx.Response:
    query = {"tenant_id": tenant_id} if operation.tenant_in == "query" else {}
    body = BODIES.get(operation.operation_id, {}) if operation.body is not None else None
    if body is not None and operation.tenant_in == "body":
        body = {**body, "tenant_id": tenant_id}
    return await client.request(operation.method, path, params=query, json=body)


async def send_nowhere(client: httpx.AsyncClient, operation: Operation) -> httpx.Response:
    """The same operation where there is nothing at all."""
    values: dict[str, list[Any]] = {
        "tenant_id": [NOWHERE], "organization_id": [NOWHERE], "integration_id": [f"int_{NOWHERE}_1"],
        "key_id": ["0123456789"], "person_id": ["00000000-0000-7000-8000-000000000000"],
        "event_id": ["00000000-0000-7000-8000-000000000000"],
        "dead_letter_id": ["00000000-0000-7000-8000-000000000000"], "order_id": ["WyJhIiwiYiIsImMiXQ"],
        "customer_id": ["WyJhIiwiYiIsImMiXQ"], "run_id": ["00000000-0000-7000-8000-000000000000"],
        "operation_id": ["00000000-0000-7000-8000-000000000000"],
        "alert_id": ["00000000-0000-7000-8000-000000000000"], "rule": ["storage"],
        "channel_id": ["00000000-0000-7000-8000-000000000000"],
    }  # fmt: skip
    return await send(client, operation, next(list_paths(operation, values)), tenant_id=NOWHERE)


def without_id(answer: httpx.Response) -> dict[str, Any]:
    return {name: value for name, value in answer.json().items() if name != "request_id"}


def tells_of_globex(text: str) -> bool:
    return CANARY in text or str(CANARY_NUMBER) in text
