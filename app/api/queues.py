"""Processes, worker groups and queues: who works, what waits, and pausing a tenant's turns."""

from app.api.call import Call
from app.api.operation import Operation, Result
from app.core.errors import QueueUnavailableError
from app.services import processes, queues
from schemas.api import Envelope, Page
from schemas.queues import Process, QueuesAnswer, QueuesQuery, TenantQueue

TAG = "queues"
AWAY = (QueueUnavailableError,)


async def get_processes(call: Call) -> Result:
    return Result(Page(data=await processes.list_processes(call.office)))


async def get_queues(call: Call) -> Result:
    return Result(await queues.read_queues(call.office, limit=call.get_query(QueuesQuery).limit))


async def get_queue(call: Call) -> Result:
    return Result(Envelope(data=await queues.read_queue(call.office, call.tenant_id)))


async def post_pause(call: Call) -> Result:
    return Result(Envelope(data=await queues.pause_queue(call.office, call.get_number("tenant_id"), actor=call.actor)))


async def post_resume(call: Call) -> Result:
    return Result(Envelope(data=await queues.resume_queue(call.office, call.get_number("tenant_id"), actor=call.actor)))


OPERATIONS = (
    Operation(
        "list_processes", "GET", "/platform/processes", "platform", "platform:admin",
        "Processes that are alive: what each does, how many turns and events a second", TAG, get_processes,
        Page[Process], problems=AWAY,
    ),
    Operation(
        "list_queues", "GET", "/platform/queues", "platform", "platform:admin",
        "Queues with something in them, worker groups, and what nobody drains", TAG, get_queues, QueuesAnswer,
        query=QueuesQuery, problems=AWAY,
    ),
    Operation(
        "get_queue", "GET", "/tenants/{tenant_id:int}/queue", "tenant", "tenants:read",
        "How much waits, how long the oldest does, and who drains it", TAG, get_queue, Envelope[TenantQueue],
        tenant_in="path", problems=AWAY,
    ),
    Operation(
        "pause_queue", "POST", "/tenants/{tenant_id:int}/queue/pause", "platform", "platform:admin",
        "Give a tenant no more turns: its events are accepted and wait, nothing is lost", TAG, post_pause,
        Envelope[TenantQueue], problems=AWAY, is_harmless_twice=True,
    ),
    Operation(
        "resume_queue", "POST", "/tenants/{tenant_id:int}/queue/resume", "platform", "platform:admin",
        "End a pause: what waited is drained from now on", TAG, post_resume, Envelope[TenantQueue], problems=AWAY,
        is_harmless_twice=True,
    ),
)  # fmt: skip
