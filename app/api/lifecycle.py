"""A tenant's life: suspended, active again, deleted in two steps, or not after all."""

from app.api.call import Call
from app.api.etags import write_etag
from app.api.operation import Operation, Result
from app.services import tenant_lifecycle
from app.services.deletion_code import DeletionCodeError
from app.services.sealed_rows import to_utc
from app.services.tenant_lifecycle import TenantNotFoundError, TenantStateError
from app.services.tenants import get_tenant
from schemas.api import Envelope
from schemas.tenants import Activation, Deletion, DeletionQuery, Reason, Tenant

TAG = "tenants"
_FIRST = "Nothing is changed yet. Send the same DELETE with ?confirmation= to begin; all of its data will be erased."
_SECOND = "It is not served any more. Until delete_after it can be cancelled; then everything is erased for ever."


async def post_suspension(call: Call) -> Result:
    reason, tenant_id = call.get_body(Reason).reason, call.get_number("tenant_id")
    await tenant_lifecycle.suspend_tenant(call.office.tenant_office, tenant_id, reason, call.actor)
    return await _show(call, tenant_id)


async def post_activation(call: Call) -> Result:
    told, tenant_id = call.get_body(Activation).trial_ends_at, call.get_number("tenant_id")
    ends_at = None if told is None else to_utc(told)
    await tenant_lifecycle.activate_tenant(call.office.tenant_office, tenant_id, call.actor, trial_ends_at=ends_at)
    return await _show(call, tenant_id)


async def delete_tenant(call: Call) -> Result:
    code, office = call.get_query(DeletionQuery).confirmation, call.office
    made = confirmed = None
    if code is None:
        made = await tenant_lifecycle.request_deletion(office.tenant_office, call.tenant_id, call.actor)
    else:
        confirmed = await tenant_lifecycle.confirm_deletion(office.tenant_office, call.tenant_id, code, call.actor)
    tenant, _ = await get_tenant(office, call.tenant_id)
    deletion = Deletion(
        tenant_id=tenant.id,
        status=tenant.status,
        confirmation=made.code if made else None,
        confirm_before=made.expires_at if made else None,
        delete_after=confirmed,
        customers=tenant.customer_count,
        note=_FIRST if made else _SECOND,
    )
    return Result(Envelope(data=deletion))


async def post_cancellation(call: Call) -> Result:
    await tenant_lifecycle.cancel_deletion(call.office.tenant_office, call.tenant_id, call.actor)
    return await _show(call, call.tenant_id)


async def _show(call: Call, tenant_id: int) -> Result:
    tenant, revision = await get_tenant(call.office, tenant_id)
    return Result(Envelope(data=tenant), write_etag(revision))


OPERATIONS = (
    Operation(
        "suspend_tenant", "POST", "/tenants/{tenant_id:int}/suspend", "platform", "platform:admin",
        "Serve it no more: calls are answered 200 and ignored, reads go on", TAG, post_suspension, Envelope[Tenant],
        body=Reason, problems=(TenantStateError, TenantNotFoundError),
    ),
    Operation(
        "activate_tenant", "POST", "/tenants/{tenant_id:int}/activate", "platform", "platform:admin",
        "Serve it again: its hook is registered, what it missed is repaired", TAG, post_activation, Envelope[Tenant],
        body=Activation, is_body_required=False, problems=(TenantStateError, TenantNotFoundError),
    ),
    Operation(
        "delete_tenant", "DELETE", "/tenants/{tenant_id:int}", "tenant", "tenants:delete",
        "Delete it, in two steps and with a grace period, ending in the destruction of its keys", TAG, delete_tenant,
        Envelope[Deletion], 202, "path", query=DeletionQuery,
        problems=(TenantStateError, TenantNotFoundError, DeletionCodeError),
        description="Without `confirmation` nothing is changed: the answer holds the code for the second step.",
    ),
    Operation(
        "cancel_deletion", "POST", "/tenants/{tenant_id:int}/cancel-deletion", "tenant", "tenants:delete",
        "Keep it after all: it is suspended then, until it is activated", TAG, post_cancellation, Envelope[Tenant],
        tenant_in="path", problems=(TenantStateError, TenantNotFoundError),
    ),
)  # fmt: skip
