"""The audit log: a tenant's, and the platform's."""

from app.api.call import Call
from app.api.operation import Operation, Result
from app.api.paging import find_limit
from app.services.audit import list_audit
from schemas.access import AuditEntry, AuditQuery
from schemas.api import Page

TAG = "access"


async def get_audit(call: Call) -> Result:
    query = call.get_query(AuditQuery)
    tenant_id = call.tenant.tenant_id if call.tenant is not None else None
    page = await list_audit(
        call.office.database, tenant_id, limit=find_limit(call, query), cursor=query.cursor, wanted=query
    )
    return Result(page)


OPERATIONS = (
    Operation(
        "list_audit", "GET", "/tenants/{tenant_id:int}/audit", "tenant", "audit:read",
        "Who did what to what, newest first", TAG, get_audit, Page[AuditEntry], tenant_in="path", query=AuditQuery,
    ),
    Operation(
        "list_platform_audit", "GET", "/platform/audit", "platform", "platform:admin",
        "What concerned no single tenant, newest first", TAG, get_audit, Page[AuditEntry], query=AuditQuery,
    ),
)  # fmt: skip
