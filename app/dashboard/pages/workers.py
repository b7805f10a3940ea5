"""Workers and queues: which processes live, who drains whom since when, what waits and for how long; pauses."""

from app.dashboard.confirm import confirm
from app.dashboard.page import Go, Page, View
from app.dashboard.visit import Visit
from app.services.processes import list_processes
from app.services.queues import pause_queue, read_queue, read_queues, resume_queue

QUEUES_SHOWN = 100
WORK_SHOWN = 6  # tenants of one process that its line names


async def show_workers(visit: Visit) -> View:
    queues = await read_queues(visit.office, limit=QUEUES_SHOWN)
    processes = await list_processes(visit.office)
    workers = [process for process in processes if process.kind == "worker"]
    data = {
        "queues": queues,
        "processes": processes,
        "workers": workers,
        "names": {queue.tenant_id: queue.name for queue in queues.data},
        "turns_per_s": sum(process.turns_per_s for process in workers),
        "events_per_s": sum(process.events_per_s for process in workers),
        "work_shown": WORK_SHOWN,
    }
    return View("workers/show.html", data)


async def show_pause(visit: Visit) -> View | Go:
    queue = await read_queue(visit.office, visit.number("id"))
    if queue.is_paused:
        return Go(visit.link("workers.show"), "workers.already_paused", {"name": queue.name})
    t = visit.t
    waiting = queue.waiting + queue.retrying
    return confirm(
        visit,
        title=t("workers.pause_title", name=queue.name),
        says=[
            t("workers.pause_waiting", n=waiting),
            t("workers.pause_means"),
            t("workers.pause_loses_nothing", max=visit.office.settings.queue_events_max),
        ],
        can_undo=True,
        button=t("workers.pause"),
        back=visit.link("workers.show"),
    )


async def pause(visit: Visit) -> Go:
    queue = await pause_queue(visit.office, visit.number("id"), actor=visit.actor)
    return Go(visit.link("workers.show"), "workers.paused_now", {"name": queue.name})


async def show_resume(visit: Visit) -> View | Go:
    queue = await read_queue(visit.office, visit.number("id"))
    if not queue.is_paused:
        return Go(visit.link("workers.show"), "workers.not_paused", {"name": queue.name})
    t = visit.t
    says = [t("workers.resume_waiting", n=queue.waiting + queue.retrying), t("workers.resume_means")]
    if not queue.is_served:
        says.append(t("workers.resume_unserved", group=queue.group))
    return confirm(
        visit,
        title=t("workers.resume_title", name=queue.name),
        says=says,
        can_undo=True,
        button=t("workers.resume"),
        back=visit.link("workers.show"),
        tone="go",
    )


async def resume(visit: Visit) -> Go:
    queue = await resume_queue(visit.office, visit.number("id"), actor=visit.actor)
    return Go(visit.link("workers.show"), "workers.resumed_now", {"name": queue.name})


PAGES = (
    Page("workers.show", "/workers", "platform", "platform:admin", show_workers),
    Page("workers.pause", "/workers/queues/{id:int}/pause", "platform", "platform:admin", show_pause, pause),
    Page("workers.resume", "/workers/queues/{id:int}/resume", "platform", "platform:admin", show_resume, resume),
)
