"""The OpenAPI document against the running process: 2,000 generated calls and all of Schemathesis' checks, as an admin
of a tenant and without a key. No 5xx, no answer that is not declared, nothing read without a key."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.api.app import OPERATIONS
from app.services.ids import write_record_id
from app.services.integrations import seal_credentials
from app.services.permissions import ROLE_PERMISSIONS
from db.versions import Key
from tests.acceptance.openapi.probing import SHARE_OF_2XX_MIN, Caller, Probe, load_schema, probe_operations
from tests.acceptance.openapi.server import serve_web
from tests.acceptance.telling import tell
from tests.integration.api.conftest import ACME, Cast
from tests.integration.api.seeds import Seeds, plant

CASES = 2_000
ROWS = 12
GENEROUS = {
    "api_rate_caller_per_s": 100_000,
    "api_rate_business_per_s": 100_000,
    "api_failures_per_minute": 1_000_000,
    "login_tries_per_minute": 1_000_000,
    "api_provider_calls_per_minute": 1_000_000,
    "integrations_per_tenant_max": 1_000_000,
    "test_events_per_minute": 1_000_000,
    "bulk_operations_max": 1_000_000,
    "endpoint_cache_ttl_ms": 50,
    "sync_progress_stream_s": 0.1,
    "sync_progress_interval_s": 0.05,
    # Nobody answers there: a provider that is down stops no integration.
    "vtex_url_template": "http://127.0.0.1:1/{account}",
    "public_url": "http://127.0.0.1:1",
    "smtp_url": "smtp://127.0.0.1:1",
    "alert_mail_from": "alerts@example.org",
}
# A key has no session and no password, and nobody's password is guessed.
OF_PEOPLE = {"log_in", "accept_invitation", "log_out", "change_password"}
CHANNELS_AGAIN = (
    "UPDATE alert_channels AS c SET deleted_at = NULL, is_enabled = true, sealed = k.sealed FROM kept_channels AS k"
    " WHERE k.channel_id = c.channel_id"
)
JOIN_AGAIN = (
    "INSERT INTO person_roles (person_id, scope, scope_id, role, accepted_at)"
    " SELECT person_id, 'tenant', 56, 'analyst', now() FROM people"
)
AGAIN = (
    "UPDATE dead_letters SET status = 'waiting', replay_event_id = NULL",
    "UPDATE tenant_integrations SET status = 'active'",
    "UPDATE bulk_operations SET status = 'running', cancelled_at = NULL, ended_at = NULL",
    "UPDATE sync_runs SET cancelled_at = NULL, ended_at = NULL, status = 'queued' WHERE integration_id > 1",
    "UPDATE tenants SET status = 'active', delete_after = NULL, settings = '{\"max_api_calls_day\": 1000000}'",
    "UPDATE api_keys SET revoked_at = NULL, expires_at = NULL WHERE name <> 'generated'",
    "UPDATE api_keys SET revoked_at = now() WHERE name = 'generated'",
    "DELETE FROM person_roles",
    JOIN_AGAIN,
    "DELETE FROM alert_channels WHERE channel_id NOT IN (SELECT k.channel_id FROM kept_channels AS k)",
    CHANNELS_AGAIN,
)
# What stands in an operation's way is out of it before its calls: a provider that never answers is told no new secret.
BEFORE = {
    "retire_integration_secret": "UPDATE endpoints SET rotated_at = now() WHERE cardinality(secret_hashes) > 1",
}


@pytest.fixture
async def planted(cast: Cast, open_database: Callable[..., Any]) -> Seeds:
    return await plant(cast.office, await open_database("worker"), ACME, is_theirs=False, rows=ROWS)


async def test_an_admins_calls_are_answered_as_declared(
    cast: Cast, planted: Seeds, installation: Any, superuser: Any, tmp_path: Path
) -> None:
    loop = asyncio.get_running_loop()
    await superuser.execute("CREATE TEMP TABLE kept_channels AS SELECT channel_id, sealed FROM alert_channels")

    keys = await cast.office.keyring.keys_of(ACME)

    async def set_up(operation_id: str) -> None:
        for statement in (*AGAIN, BEFORE.get(operation_id, "SELECT")):
            await superuser.execute(statement)
        for n in range(
            1, ROWS + 1
        ):  # credentials where they are tried, and nowhere else: what has none is synced by none
            sealed = seal_credentials(keys, "vtex", f"store{n}", {"app_key": "k", "app_token": "t"})
            await superuser.execute(
                "UPDATE tenant_integrations SET sealed_credentials = $2 WHERE integration_id = $1 AND tenant_id = 56",
                n, sealed if operation_id == "validate_held_credentials" else None,
            )  # fmt: skip

    def set_up_again(operation_id: str) -> None:
        asyncio.run_coroutine_threadsafe(set_up(operation_id), loop).result()

    with serve_web(
        replace(installation, redis_url=cast.office.settings.get_url("redis_url")), tmp_path, **GENEROUS
    ) as url:
        headers = {"Authorization": f"Bearer {cast.keys[ACME, 'admin']}"}
        probes = await asyncio.to_thread(_probe_all, url, headers, planted, set_up_again)
    report = "\n".join(map(str, probes))
    tell(report)
    failures = [failure for probe in probes for failure in probe.failures]
    assert not failures, "\n\n".join(failures[:20])
    allowed = ROLE_PERMISSIONS["admin"] | {"authenticated"}
    usable = {
        operation.operation_id
        for operation in OPERATIONS
        if operation.permission in allowed
        and operation.operation_id not in OF_PEOPLE
        and operation.subject != "organization"
    }
    assert sum(probe.cases for probe in probes) >= CASES * 0.9
    rarely = [str(probe) for probe in probes if probe.operation_id in usable and probe.share_of_2xx < SHARE_OF_2XX_MIN]
    assert not rarely, "fewer than one in ten calls did anything:\n" + "\n".join(rarely)


async def test_without_a_key_nothing_is_read(cast: Cast, planted: Seeds, installation: Any, tmp_path: Path) -> None:
    with serve_web(
        replace(installation, redis_url=cast.office.settings.get_url("redis_url")), tmp_path, **GENEROUS
    ) as url:
        probes = await asyncio.to_thread(_probe_all, url, {}, planted, lambda _: None)
    tell("\n".join(map(str, probes)))
    assert sum(probe.cases for probe in probes) >= CASES * 0.9
    assert not [failure for probe in probes for failure in probe.failures]
    for probe in probes:
        if probe.operation_id not in {"log_in", "accept_invitation"}:
            assert set(probe.statuses) <= {401, 404}, str(probe)


def _probe_all(url: str, headers: dict[str, str], seeds: Seeds, before: Callable[[str], None]) -> list[Probe]:
    caller = Caller(headers, -(-CASES // len(OPERATIONS)), find_known(seeds))
    return list(probe_operations(load_schema(url), caller, before))


def find_known(seeds: Seeds) -> dict[str, list[Any]]:
    """Values that mean something here, by the name of the parameter or member."""
    return {
        "tenant_id": [seeds.tenant_id],
        "integration_id": [f"int_{seeds.tenant_id}_{n}" for n in range(1, ROWS + 1)],
        "key_id": list(seeds.key_ids),
        "person_id": [str(person_id) for person_id in seeds.person_ids],
        "event_id": [*seeds.dead_ids, *seeds.event_ids],
        "dead_letter_id": list(seeds.dead_ids),
        "order_id": [write_record_id(Key("vtex", "store1", order_id)) for order_id in seeds.order_ids],
        "customer_id": [write_record_id(Key("vtex", "store1", customer_id)) for customer_id in seeds.customer_ids],
        "operation_id": list(map(str, seeds.operation_ids)),
        "run_id": list(seeds.run_ids),
        "alert_id": [seeds.alert_id],
        "channel_id": list(seeds.channel_ids),
        "rule": ["storage"],
        "threshold": [70.0],
        "rules": [["storage"], None],
        "minutes": [60],
        "to": [["ana@example.org"]],
        "from": ["2026-11-01"],
        "url": ["https://hooks.invalid/x"],
        "integration_types": [["vtex"], ["vtex", "google_ads"]],
        "streams": [["orders"]],
        "external_ids": [list(seeds.order_ids)],
        "phone": ["+5491155551234"],
        "document": ["30123456"],
        "cursor": [],
        "type": ["vtex"],
        "account_name": [f"account{n}" for n in range(500)],
        "account": [*["store1"] * 250, *(f"account{n}" for n in range(250, 500))],
        "environment": ["vtexcommercestable"],
        "sync_frequency": ["daily"],
        "accepted_accounts": [[]],
        "name": ["generated"],
        "If-Match": ["*"],
        "email": [f"x{n}@example.org" for n in range(500)],
        "password": ["cuatro palabras bien largas"],
    }
