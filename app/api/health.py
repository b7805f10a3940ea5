"""How well tenants are, and how much came over time."""

from app.api.call import Call
from app.api.operation import Operation, Result
from app.api.paging import find_limit
from app.services.tenant_health import list_tenant_health, read_health, read_throughput
from schemas.api import Envelope, Page
from schemas.health import HealthLine, HealthQuery, TenantHealth, Throughput, ThroughputQuery

TAG = "health"


async def get_health(call: Call) -> Result:
    return Result(Envelope(data=await read_health(call.office, call.get_tenant())))


async def get_tenants_health(call: Call) -> Result:
    query = call.get_query(HealthQuery)
    return Result(await list_tenant_health(call.office, query, find_limit(call, query)))


async def get_throughput(call: Call) -> Result:
    return Result(Envelope(data=await read_throughput(call.office, call.tenant_id, call.get_query(ThroughputQuery))))


OPERATIONS = (
    Operation(
        "get_tenant_health", "GET", "/tenants/{tenant_id:int}/health", "tenant", "tenants:read",
        "How well a tenant is: each integration against its schedule, the worst named, freshness and its objective",
        TAG, get_health, Envelope[TenantHealth], tenant_in="path",
    ),
    Operation(
        "get_throughput", "GET", "/tenants/{tenant_id:int}/throughput", "tenant", "tenants:read",
        "Events by outcome, latency and freshness over time", TAG, get_throughput, Envelope[Throughput],
        tenant_in="path", query=ThroughputQuery,
    ),
    Operation(
        "list_tenant_health", "GET", "/health/tenants", "platform", "platform:admin",
        "All tenants, the worst first", TAG, get_tenants_health, Page[HealthLine], query=HealthQuery,
    ),
)  # fmt: skip
