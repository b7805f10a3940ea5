"""Dead letters by cause, and replays and discards of many: estimated, started, followed, cancelled."""

from app.api.call import Call
from app.api.operation import Operation, Result
from app.api.paging import find_limit
from app.core.errors import ConflictError
from app.services import bulk_operations
from app.services.dead_groups import list_groups
from schemas.api import Envelope, Page, PageQuery
from schemas.bulk import BulkEstimate, BulkOperation, BulkWanted, DeadGroup, NewBulkOperation

TAG = "events"
LETTERS = "/tenants/{tenant_id:int}/dead-letters"
BULK = f"{LETTERS}/bulk"
ONE = f"{BULK}/{{operation_id}}"


async def get_groups(call: Call) -> Result:
    return Result(Page(data=await list_groups(call.office, call.tenant_id)))


async def post_estimate(call: Call) -> Result:
    wanted = call.get_body(BulkWanted).filter
    return Result(Envelope(data=await bulk_operations.estimate_bulk(call.office, call.tenant_id, wanted)))


async def post_bulk(call: Call) -> Result:
    wanted = call.get_body(NewBulkOperation)
    operation = await bulk_operations.start_bulk(call.office, call.get_tenant(), wanted, actor=call.actor)
    operation_id = str(operation.operation_id)
    return Result(
        Envelope(data=operation), location=f"/tenants/{call.tenant_id}/dead-letters/bulk/{operation_id}",
        object_id=operation_id,
    )  # fmt: skip


async def get_operations(call: Call) -> Result:
    query = call.get_query(PageQuery)
    page = await bulk_operations.list_bulk(
        call.office, call.tenant_id, limit=find_limit(call, query), cursor=query.cursor
    )
    return Result(page)


async def get_operation(call: Call) -> Result:
    operation_id = call.get_uuid("operation_id")
    return Result(Envelope(data=await bulk_operations.get_bulk(call.office, call.tenant_id, operation_id)))


async def post_cancellation(call: Call) -> Result:
    operation_id = call.get_uuid("operation_id")
    operation = await bulk_operations.cancel_bulk(call.office, call.tenant_id, operation_id, actor=call.actor)
    return Result(Envelope(data=operation))


OPERATIONS = (
    Operation(
        "list_dead_groups", "GET", f"{LETTERS}/groups", "tenant", "events:read",
        "Waiting dead letters by cause, the largest group first", TAG, get_groups, Page[DeadGroup], tenant_in="path",
        description="All groups in one page, at most DEAD_GROUPS_MAX. Large ones are counted up to a limit: "
        "`is_at_least` says so.",
    ),
    Operation(
        "estimate_bulk", "POST", f"{BULK}/estimate", "tenant", "events:read",
        "How many waiting dead letters an operation would take", TAG, post_estimate, Envelope[BulkEstimate],
        tenant_in="path", body=BulkWanted, is_harmless_twice=True,
    ),
    Operation(
        "start_bulk", "POST", BULK, "tenant", "events:operate",
        "Replay or discard many dead letters; follow it under Location", TAG, post_bulk, Envelope[BulkOperation], 202,
        tenant_in="path", body=NewBulkOperation, problems=(ConflictError,),
        description="Takes what waits now and is so; letters that die later are left alone. Each replayed letter "
        "becomes one fresh event. A discard removes bodies for ever.",
    ),
    Operation(
        "list_bulk", "GET", BULK, "tenant", "events:read", "Operations on many dead letters, newest first", TAG,
        get_operations, Page[BulkOperation], tenant_in="path", query=PageQuery,
    ),
    Operation(
        "get_bulk", "GET", ONE, "tenant", "events:read", "One operation: how far it is", TAG, get_operation,
        Envelope[BulkOperation], tenant_in="path",
    ),
    Operation(
        "cancel_bulk", "POST", f"{ONE}/cancel", "tenant", "events:operate",
        "Stop it within a step; what it did stays", TAG, post_cancellation, Envelope[BulkOperation], tenant_in="path",
        problems=(ConflictError,),
    ),
)  # fmt: skip
