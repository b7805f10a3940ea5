"""Organizations and tenants."""

from app.api.call import Call
from app.api.etags import read_if_match, write_etag
from app.api.operation import Operation, Result
from app.api.paging import find_limit
from app.core.errors import ConflictError
from app.services import organizations, tenants
from app.services.global_metrics import read_global_metrics
from app.services.tenant_settings import change_settings
from schemas.api import Answer, Envelope, Page
from schemas.tenants import (
    GlobalMetrics,
    NewOrganization,
    NewTenant,
    Organization,
    SettingsChange,
    Tenant,
    TenantChange,
    TenantsQuery,
    TenantSummary,
)

TAG = "tenants"


class GlobalMetricsAnswer(GlobalMetrics, Answer):
    """The document prints these figures bare: they stand at the top level."""


async def get_tenants(call: Call) -> Result:
    query = call.get_query(TenantsQuery)
    return Result(await tenants.list_visible_tenants(call.office, call.caller, query, find_limit(call, query)))


async def post_tenant(call: Call) -> Result:
    tenant, revision = await tenants.create_tenant(call.office, call.get_body(NewTenant), actor=call.actor)
    return Result(
        Envelope(data=tenant), write_etag(revision), location=f"/tenants/{tenant.id}", object_id=str(tenant.id)
    )


async def get_one(call: Call) -> Result:
    tenant, revision = await tenants.get_tenant(call.office, call.tenant_id)
    return Result(Envelope(data=tenant), write_etag(revision))


async def put_tenant(call: Call) -> Result:
    tenant, revision = await tenants.change_tenant(
        call.office, call.get_number("tenant_id"), call.get_body(TenantChange), actor=call.actor,
        revision=read_if_match(call),
    )  # fmt: skip
    return Result(Envelope(data=tenant), write_etag(revision))


async def put_settings(call: Call) -> Result:
    await change_settings(
        call.office, call.tenant_id, call.get_body(SettingsChange), actor=call.actor,
        is_platform=call.caller.is_platform_admin, revision=read_if_match(call),
    )  # fmt: skip
    return await get_one(call)


async def get_organizations(call: Call) -> Result:
    return Result(Page(data=await organizations.list_visible_organizations(call.office, call.caller)))


async def get_organization(call: Call) -> Result:
    return Result(Envelope(data=await organizations.get_organization(call.office, call.get_number("organization_id"))))


async def post_organization(call: Call) -> Result:
    name = call.get_body(NewOrganization).name
    organization = await organizations.create_organization(call.office, name, actor=call.actor)
    return Result(
        Envelope(data=organization), location=f"/organizations/{organization.organization_id}",
        object_id=str(organization.organization_id),
    )  # fmt: skip


async def get_global_metrics(call: Call) -> Result:
    figures = await read_global_metrics(call.office)
    return Result(GlobalMetricsAnswer(**figures.model_dump()))


OPERATIONS = (
    Operation(
        "list_tenants", "GET", "/tenants", "anywhere", "tenants:read",
        "Tenants that you may see, with customers and the last moment they were current", TAG, get_tenants,
        Page[TenantSummary], query=TenantsQuery,
    ),
    Operation(
        "create_tenant", "POST", "/tenants", "platform", "platform:admin", "Create a tenant, with its own keys", TAG,
        post_tenant, Envelope[Tenant], 201, body=NewTenant, problems=(ConflictError,),
    ),
    Operation(
        "get_tenant", "GET", "/tenants/{tenant_id:int}", "tenant", "tenants:read",
        "One tenant with settings, features, limits and integrations", TAG, get_one, Envelope[Tenant],
        tenant_in="path", has_etag=True,
    ),
    Operation(
        "change_tenant", "PUT", "/tenants/{tenant_id:int}", "platform", "platform:admin",
        "Change name, plan, type or organization", TAG, put_tenant, Envelope[Tenant], body=TenantChange,
        has_etag=True,
    ),
    Operation(
        "change_settings", "PUT", "/tenants/{tenant_id:int}/settings", "tenant", "tenants:write",
        "Change settings in part: what is not named stays, null goes back to the default", TAG, put_settings,
        Envelope[Tenant], tenant_in="path", body=SettingsChange, has_etag=True,
        description="Limits may be lowered, and raised up to what was granted; only a platform admin raises them "
        "beyond, and switches features on.",
    ),
    Operation(
        "list_organizations", "GET", "/organizations", "anywhere", "tenants:read",
        "Organizations that you may see, with their tenants", TAG, get_organizations, Page[Organization],
    ),
    Operation(
        "create_organization", "POST", "/organizations", "platform", "platform:admin", "Create an organization", TAG,
        post_organization, Envelope[Organization], 201, body=NewOrganization,
    ),
    Operation(
        "get_organization", "GET", "/organizations/{organization_id:int}", "organization", "tenants:read",
        "One organization with its tenants", TAG, get_organization, Envelope[Organization],
    ),
    Operation(
        "get_global_metrics", "GET", "/metrics/global", "platform", "platform:admin",
        "Figures of the whole platform, at the top level", TAG, get_global_metrics, GlobalMetricsAnswer,
    ),
)  # fmt: skip
