"""Tenants' queues and the worker groups that drain them: how much waits, for how long, who takes it, and who nobody
takes. Pausing gives a tenant no more turns; what is accepted meanwhile waits, and nothing of it is lost."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from app.core.errors import NotFoundError
from app.core.queue import Depth
from app.services.audit import Actor, write_audit
from app.services.office import Office
from app.services.processes import list_drainers, list_processes
from db.tenants import Tenant, find_tenant, list_tenants
from schemas.queues import Process, QueuesAnswer, TenantQueue, WorkerGroup

SHARED = "shared"
_NOTHING = Depth(0, 0, None, "none", 0)


class _State(NamedTuple):
    """Everything live that the views below are made of."""

    depths: Mapping[int, Depth]
    paused: frozenset[int]
    groups: Mapping[int, str]
    processes: Sequence[Process]
    served: frozenset[str]

    def find_group(self, tenant_id: int) -> str:
        """What the queue itself says: by that it is drained, whatever the tenant's settings say."""
        return self.groups.get(tenant_id, SHARED)

    def is_busy(self, tenant_id: int) -> bool:
        """Whether there is anything to say of it."""
        depth = self.depths.get(tenant_id, _NOTHING)
        return bool(depth.waiting or depth.retrying) or depth.where == "leased" or tenant_id in self.paused


async def read_queues(office: Office, *, limit: int) -> QueuesAnswer:
    """All tenants' queues, those first whose oldest event waits longest. Raises QueueUnavailableError."""
    tenants = [tenant for tenant in await list_tenants(office.database) if tenant.status != "deleted"]
    state = await _read_state(office, await office.queue.depths())
    busy = [tenant for tenant in tenants if state.is_busy(tenant.tenant_id)]
    busy.sort(key=lambda tenant: _rank(state.depths.get(tenant.tenant_id, _NOTHING), tenant.tenant_id))
    groups = _sum_up([tenant.tenant_id for tenant in tenants], state)
    return QueuesAnswer(
        data=[_show(tenant, state) for tenant in busy[:limit]],
        more=max(0, len(busy) - limit),
        quiet=len(tenants) - len(busy),
        waiting=sum(group.waiting for group in groups),
        oldest_s=max((group.oldest_s for group in groups if group.oldest_s is not None), default=None),
        groups=groups,
        warnings=[_warn(group) for group in groups if group.is_unserved],
    )


def _rank(depth: Depth, tenant_id: int) -> tuple[int, int, int, int]:
    return -(depth.oldest_ms or 0), -depth.waiting, -depth.retrying, tenant_id


async def read_queue(office: Office, tenant_id: int) -> TenantQueue:
    """One tenant's. Raises NotFoundError, QueueUnavailableError."""
    tenant = await _get_tenant(office, tenant_id)
    return _show(tenant, await _read_state(office, await office.queue.depths_of([tenant_id])))


async def pause_queue(office: Office, tenant_id: int, *, actor: Actor) -> TenantQueue:
    """No more turns for this tenant; paused already, nothing changes. Raises NotFoundError, QueueUnavailableError."""
    return await _set_paused(office, tenant_id, "pause", actor)


async def resume_queue(office: Office, tenant_id: int, *, actor: Actor) -> TenantQueue:
    """Its turns come again, at once if something waits. Raises NotFoundError, QueueUnavailableError."""
    return await _set_paused(office, tenant_id, "resume", actor)


async def _set_paused(office: Office, tenant_id: int, verb: Literal["pause", "resume"], actor: Actor) -> TenantQueue:
    found = await read_queue(office, tenant_id)
    if found.is_paused != (verb == "pause"):
        waiting = {"waiting": found.waiting + found.retrying}
        async with office.database.platform_tx(f"{verb}_queue") as connection:
            await write_audit(connection, tenant_id, actor, f"queue.{verb}d", "queue", str(tenant_id), waiting)
            # Before the commit: where the queue cannot be told, the log must not say that it was.
            await (office.queue.pause if verb == "pause" else office.queue.resume)(tenant_id)
    return await read_queue(office, tenant_id)


async def _get_tenant(office: Office, tenant_id: int) -> Tenant:
    async with office.database.platform_tx("read_queue") as connection:
        tenant = await find_tenant(connection, tenant_id)
    if tenant is None or tenant.status == "deleted":
        raise NotFoundError("There is no such tenant, or none that you may see.")
    return tenant


async def _read_state(office: Office, depths: Mapping[int, Depth]) -> _State:
    processes = await list_processes(office)
    served = frozenset(process.group for process in processes if process.kind == "worker")
    paused, groups = await office.queue.list_paused(), await office.queue.list_groups()
    return _State(depths, frozenset(paused), groups, processes, served)


def _show(tenant: Tenant, state: _State) -> TenantQueue:
    tenant_id = tenant.tenant_id
    depth, group = state.depths.get(tenant_id, _NOTHING), state.find_group(tenant_id)
    return TenantQueue(
        tenant_id=tenant_id,
        name=tenant.name,
        group=group,
        waiting=depth.waiting,
        retrying=depth.retrying,
        oldest_s=None if depth.oldest_ms is None else depth.oldest_ms / 1_000,
        place=depth.where,
        is_paused=tenant_id in state.paused,
        is_served=group in state.served,
        accepted_total=depth.accepted,
        drained_by=list_drainers(state.processes, tenant_id),
    )


def _sum_up(tenant_ids: Sequence[int], state: _State) -> list[WorkerGroup]:
    """Every group that has a tenant or a worker, `shared` first."""
    members: dict[str, list[int]] = {name: [] for name in state.served}
    for tenant_id in tenant_ids:
        members.setdefault(state.find_group(tenant_id), []).append(tenant_id)
    return [_sum_group(name, members[name], state) for name in sorted(members, key=lambda name: (name != SHARED, name))]


def _sum_group(name: str, tenant_ids: Sequence[int], state: _State) -> WorkerGroup:
    depths = [(tenant_id, state.depths[tenant_id]) for tenant_id in tenant_ids if tenant_id in state.depths]
    oldest_ms = max((depth.oldest_ms for _, depth in depths if depth.oldest_ms is not None), default=None)
    workers = [process for process in state.processes if process.kind == "worker" and process.group == name]
    return WorkerGroup(
        name=name,
        tenants=len(tenant_ids),
        paused=len(state.paused.intersection(tenant_ids)),
        processes=[process.process_id for process in workers],
        waiting=sum(depth.waiting + depth.retrying for _, depth in depths),
        oldest_s=None if oldest_ms is None else oldest_ms / 1_000,
        turns_per_s=round(sum(process.turns_per_s for process in workers), 2),
        events_per_s=round(sum(process.events_per_s for process in workers), 2),
        is_unserved=not workers
        and any(depth.waiting + depth.retrying for tenant_id, depth in depths if tenant_id not in state.paused),
    )


def _warn(group: WorkerGroup) -> str:
    return (
        f"Nobody drains worker group {group.name}: {group.waiting} events of its {group.tenants} tenants wait. "
        f"Start a worker with WORKER_GROUP={group.name}, or move the tenants to another group."
    )
