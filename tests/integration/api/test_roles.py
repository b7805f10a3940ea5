"""Role × route, whole: each operation asked for by each role, by nobody, and by the owner of another tenant.

The handlers are replaced, so that what is asked is the guard alone and nothing is done.
"""

import re
from typing import Any

import httpx
import pytest

from app.api.app import OPERATIONS, build_api
from app.api.call import Call
from app.api.operation import PREFIX, Operation, Result
from app.services.permissions import ROLE_PERMISSIONS, Permission, Role
from schemas.api import Answer
from tests.integration.api.conftest import ACME, GLOBEX, ORGANIZATIONS, TENANT_ROLES, Cast

# What each operation needs. A new one must be written here too: that is the point.
NEEDS: dict[str, Permission | str] = {
    "list_tenants": "tenants:read",
    "create_tenant": "platform:admin",
    "get_tenant": "tenants:read",
    "change_tenant": "platform:admin",
    "change_settings": "tenants:write",
    "suspend_tenant": "platform:admin",
    "activate_tenant": "platform:admin",
    "delete_tenant": "tenants:delete",
    "cancel_deletion": "tenants:delete",
    "get_sync_status": "integrations:read",
    "start_sync": "integrations:operate",
    "list_sync_runs": "integrations:read",
    "get_sync_run": "integrations:read",
    "get_sync_progress": "integrations:read",
    "cancel_sync_run": "integrations:operate",
    "pause_sync_run": "integrations:operate",
    "resume_sync_run": "integrations:operate",
    "list_sync_findings": "integrations:read",
    "list_completeness": "integrations:read",
    "list_organizations": "tenants:read",
    "create_organization": "platform:admin",
    "get_organization": "tenants:read",
    "get_global_metrics": "platform:admin",
    "list_processes": "platform:admin",
    "list_queues": "platform:admin",
    "get_queue": "tenants:read",
    "get_tenant_health": "tenants:read",
    "get_throughput": "tenants:read",
    "list_tenant_health": "platform:admin",
    "pause_queue": "platform:admin",
    "resume_queue": "platform:admin",
    "list_keys": "access:read",
    "create_key": "access:write",
    "rotate_key": "access:write",
    "retire_key_secret": "access:write",
    "revoke_key": "access:write",
    "list_organization_keys": "access:read",
    "create_organization_key": "access:write",
    "rotate_organization_key": "access:write",
    "retire_organization_key_secret": "access:write",
    "revoke_organization_key": "access:write",
    "list_platform_keys": "platform:admin",
    "create_platform_key": "platform:admin",
    "rotate_platform_key": "platform:admin",
    "retire_platform_key_secret": "platform:admin",
    "revoke_platform_key": "platform:admin",
    "list_people": "access:read",
    "get_person": "access:read",
    "invite_person": "access:write",
    "change_role": "access:write",
    "remove_person": "access:write",
    "list_organization_people": "access:read",
    "get_organization_person": "access:read",
    "invite_organization_person": "access:write",
    "change_organization_role": "access:write",
    "remove_organization_person": "access:write",
    "get_caller": "authenticated",
    "log_in": "public",
    "accept_invitation": "public",
    "log_out": "authenticated",
    "change_password": "authenticated",
    "list_customers": "records:read",
    "get_customer": "records:read",
    "list_orders": "records:read",
    "get_order": "records:read",
    "get_ad_performance": "records:read",
    "list_events": "events:read",
    "get_event": "events:read",
    "get_event_life": "events:read",
    "list_refused_calls": "events:read",
    "list_unknown_calls": "platform:admin",
    "list_dead_letters": "events:read",
    "get_dead_letter": "events:read",
    "replay_dead_letter": "events:operate",
    "discard_dead_letter": "events:operate",
    "list_dead_groups": "events:read",
    "estimate_bulk": "events:read",
    "start_bulk": "events:operate",
    "list_bulk": "events:read",
    "get_bulk": "events:read",
    "cancel_bulk": "events:operate",
    "list_gaps": "tenants:read",
    "enqueue_objects": "integrations:operate",
    "retire_integration_secret": "integrations:write",
    "validate_held_credentials": "integrations:operate",
    "send_test_event": "integrations:operate",
    "validate_integration": "integrations:operate",
    "list_integrations": "integrations:read",
    "create_integration": "integrations:write",
    "get_integration": "integrations:read",
    "change_integration": "integrations:write",
    "delete_integration": "integrations:write",
    "pause_integration": "integrations:operate",
    "resume_integration": "integrations:operate",
    "rotate_integration_secret": "integrations:write",
    "get_integration_addresses": "integrations:write",
    "list_audit": "audit:read",
    "list_platform_audit": "platform:admin",
    "list_alert_rules": "alerts:read",
    "change_alert_rule": "alerts:write",
    "list_alerts": "alerts:read",
    "get_alert": "alerts:read",
    "acknowledge_alert": "alerts:operate",
    "snooze_alert": "alerts:operate",
    "unsnooze_alert": "alerts:operate",
    "list_alert_channels": "alerts:read",
    "create_alert_channel": "alerts:write",
    "get_alert_channel": "alerts:read",
    "change_alert_channel": "alerts:write",
    "delete_alert_channel": "alerts:write",
    "test_alert_channel": "alerts:write",
    "rotate_alert_channel_secret": "alerts:write",
    "list_platform_alert_rules": "platform:admin",
    "change_platform_alert_rule": "platform:admin",
    "list_platform_alerts": "platform:admin",
    "get_platform_alert": "platform:admin",
    "acknowledge_platform_alert": "platform:admin",
    "snooze_platform_alert": "platform:admin",
    "unsnooze_platform_alert": "platform:admin",
    "list_platform_alert_channels": "platform:admin",
    "create_platform_alert_channel": "platform:admin",
    "get_platform_alert_channel": "platform:admin",
    "change_platform_alert_channel": "platform:admin",
    "delete_platform_alert_channel": "platform:admin",
    "test_platform_alert_channel": "platform:admin",
    "rotate_platform_alert_channel_secret": "platform:admin",
    "list_backups": "platform:admin",
    "report_backup": "platform:admin",
}
BODIES: dict[str, Any] = {"create_integration": {"tenant_id": ACME}}
REACHED = "X-Reached"


async def reach(call: Call) -> Result:
    call.headers[REACHED] = "yes"
    return Result(Answer())


@pytest.fixture
def guarded(cast: Cast) -> httpx.ASGITransport:
    """Every operation with its guard, none with its handler; bodies are not read where their content says nothing."""
    operations = tuple(
        operation._replace(
            handler=reach,
            answer=Answer,
            status=200,
            query=operation.query if operation.tenant_in == "query" else None,
            body=operation.body if operation.tenant_in == "body" else None,
        )
        for operation in OPERATIONS
    )
    return httpx.ASGITransport(app=build_api(cast.office, cast.usage, operations=operations))


def test_every_operation_is_in_the_table() -> None:
    assert {operation.operation_id: operation.permission for operation in OPERATIONS} == NEEDS


async def test_an_operation_is_reached_by_those_that_hold_its_permission_and_by_nobody_else(
    cast: Cast, guarded: httpx.ASGITransport
) -> None:
    for operation in OPERATIONS:
        found = {str(role): await ask(guarded, operation, cast.keys[ACME, role]) for role in TENANT_ROLES}
        expected = {str(role): expect(operation, may(operation, role)) for role in TENANT_ROLES}
        found["platform_admin"] = await ask(guarded, operation, cast.keys[0, "platform_admin"])
        expected["platform_admin"] = 200
        found["nobody"] = await ask(guarded, operation, None)
        expected["nobody"] = 200 if operation.permission == "public" else 401
        found["globex"] = await ask(guarded, operation, cast.keys[GLOBEX, "owner"])
        expected["globex"] = 404 if operation.subject == "tenant" else expect(operation, may(operation, "owner"))
        assert found == expected, operation.operation_id


def may(operation: Operation, role: Role) -> bool:
    return operation.permission in ROLE_PERMISSIONS[role]


def expect(operation: Operation, is_held: bool) -> int:
    """The status for a key of acme's."""
    if operation.permission in {"public", "authenticated"}:
        return 200
    if operation.subject == "organization":
        return 404  # a tenant's own people have nothing to do with its organization
    if operation.subject == "platform":
        return 403
    return 200 if is_held else 403


async def ask(transport: httpx.ASGITransport, operation: Operation, key: str | None) -> int:
    """The status of acme's operation, asked with this key."""
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    query = {"tenant_id": ACME} if operation.tenant_in == "query" else {}
    body = BODIES.get(operation.operation_id) if operation.tenant_in == "body" else None
    async with httpx.AsyncClient(transport=transport, base_url="http://acequia.test", headers=headers) as client:
        answer = await client.request(operation.method, PREFIX + fill(operation.path), params=query, json=body)
    assert (REACHED in answer.headers) == (answer.status_code == 200), answer.text
    return answer.status_code


def fill(path: str) -> str:
    """The address with acme's tenant, organization and integration, and ids of no matter for the rest."""
    known = {"tenant_id": ACME, "organization_id": ORGANIZATIONS[ACME], "integration_id": f"int_{ACME}_1"}
    return re.sub(r"\{(\w+)(?::int)?\}", lambda match: str(known.get(match[1], "some-id")), path)
