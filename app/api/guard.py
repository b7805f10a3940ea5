"""Who calls, how often, and whether they may: before a word of the body is read.

A tenant that the caller has nothing to do with is answered exactly as one that is not there.
"""

from app.api.call import Call
from app.api.operation import Operation
from app.core.errors import DayLimitError, ForbiddenError, NotFoundError, RateLimitedError, UnauthenticatedError
from app.core.rates import Bucket
from app.services.access import find_visible_tenant
from app.services.api_usage import ApiUsage
from app.services.features import has_feature
from app.services.permissions import Permission, Principal
from app.services.tenant_limits import find_limits
from db.tenants import Tenant

# What the feature `api_access` opens: a tenant's data. Its settings, integrations and access stay reachable without.
GATED: frozenset[Permission] = frozenset({"records:read", "records:reveal", "events:read", "events:operate"})


async def authenticate(call: Call, authorization: str | None, session_id: str | None) -> Principal:
    """Raises UnauthenticatedError, and RateLimitedError for an address that keeps offering what is not valid."""
    principal = None
    if authorization is not None:
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() == "bearer":
            principal = await call.authenticator.find_by_key(key.strip())
    elif session_id is not None:
        principal = await call.authenticator.find_by_session(session_id)
        call.session_id = session_id
    if principal is not None:
        return principal
    if authorization is not None or session_id is not None:
        per_s = call.office.settings.api_failures_per_minute / 60
        decision = await call.office.limiter.check([Bucket(f"failures:{call.address}", per_s, 60)])
        if decision.refused_by is not None:
            raise RateLimitedError("Too many calls with a key or session that is not valid.", decision.wait_s)
    raise UnauthenticatedError("Send a valid API key: Authorization: Bearer aqk_…")


async def find_callers_tenant(call: Call, tenant_id: int) -> Tenant:
    """The tenant, if the caller has anything to do with it. Raises NotFoundError, for all others alike."""
    return await find_visible_tenant(call.office.database, call.caller, tenant_id)


def check_permission(call: Call, operation: Operation) -> None:
    """Fills in what the caller may do here. Raises ForbiddenError, naming what is missing."""
    principal, permission = call.caller, operation.permission
    if operation.subject == "tenant":
        tenant = call.get_tenant()
        call.permissions = principal.permissions_in(tenant.tenant_id, tenant.organization_id)
    elif operation.subject == "organization":
        call.permissions = principal.permissions_in_organization(call.get_number("organization_id"))
        if not call.permissions:
            raise NotFoundError("There is no such organization, or none that you may see.")
    elif operation.subject == "platform":
        call.permissions = principal.platform_permissions
    elif operation.subject == "anywhere":
        call.permissions = frozenset(one for grant in principal.grants for one in grant.allowed)
    else:
        return
    if permission in GATED and not principal.is_platform_admin:
        tenant = call.get_tenant()
        if not has_feature(tenant.settings, "api_access"):
            raise ForbiddenError("This tenant's feature api_access is switched off: a platform admin switches it on.")
    if permission not in call.permissions:
        raise ForbiddenError(f"This needs the permission {permission}, which this key or person does not have here.")


async def find_metered_tenant(call: Call) -> Tenant | None:
    """Whose calls these are: the tenant that they concern, else the one that the key belongs to."""
    grants = call.caller.grants
    if call.tenant is not None or call.caller.kind != "key" or len(grants) != 1 or grants[0].scope != "tenant":
        return call.tenant
    return await find_callers_tenant(call, grants[0].scope_id)


async def limit_rates(call: Call, tenant: Tenant | None) -> None:
    """Calls a second, of the caller and of the tenant. Raises RateLimitedError."""
    settings, principal = call.office.settings, call.caller
    burst_s = settings.api_rate_burst_s
    buckets = [Bucket(f"caller:{principal.kind}:{principal.id}", settings.api_rate_caller_per_s, burst_s)]
    if tenant is not None and not principal.is_platform_admin:  # an operator at work must shut nobody out
        per_s: float = getattr(settings, f"api_rate_{tenant.type}_per_s")
        buckets.append(Bucket(f"tenant:{tenant.tenant_id}", per_s, burst_s))
    decision = await call.office.limiter.check(buckets)
    call.headers["RateLimit-Policy"] = ", ".join(
        f'"{bucket.name.partition(":")[0]}";q={max(1, round(bucket.per_s * bucket.burst_s))};w={burst_s:g}'
        for bucket in buckets
    )
    if decision.refused_by is not None:
        raise RateLimitedError("Too many calls at once: slow down.", decision.wait_s)


async def limit_day(call: Call, tenant: Tenant | None, usage: ApiUsage) -> None:
    """The tenant's calls of a day. Raises DayLimitError. A platform admin is never shut out, nor counted: somebody must
    be able to raise the limit."""
    if tenant is None or call.caller.is_platform_admin:
        return
    limits = find_limits(tenant.type, tenant.settings)
    day = await usage.count(tenant.tenant_id, limits.max_api_calls_day)
    call.headers["RateLimit-Policy"] += f', "day";q={day.limit};w=86400'
    call.headers["RateLimit"] = f'"day";r={max(0, day.limit - day.used)};t={day.resets_in_s}'
    if day.is_over:
        raise DayLimitError(f"The tenant's {day.limit} API calls of today (UTC) are used up.", float(day.resets_in_s))
