"""The worker process: drain loops, sweeper, upkeep and short arq jobs in one event loop.

Run as `python -m workers.main`. SIGTERM stops it cleanly: what is in hand is refunded or committed, leases are given
back. A task can swallow its cancellation, so it is repeated until the tasks have ended or STOP_TIMEOUT_S is over.
"""

import asyncio
import os
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

from app.connectors.tools import Tools
from app.connectors.vtex.client import VtexClient
from app.core.ending import end_tasks
from app.core.identity import normalise_phone
from app.core.jobs import run_jobs
from app.core.latency import LatencyRecorder
from app.core.limits import make_asked_budget
from app.core.logging import get_logger
from app.core.metric_labels import TENANT_NAMES
from app.core.metrics import EVENT_LATENCY_SECONDS, SLICES
from app.core.outbound import Outbound
from app.core.own_address import OwnAddress
from app.core.processes import Heartbeat, WorkLog, total
from app.core.serving import make_server
from app.core.settings import Settings
from app.services.attempts import AttemptNotes
from app.services.credential_ends import CredentialEnds
from app.services.hook_probes import HookProbes
from app.services.hook_silence import HookSilence
from app.services.hook_watchdog import HookWatchdog
from app.services.hooks import ProviderHooks
from app.services.integrations import LiveIntegrations
from app.services.live_tenants import DEFAULT_COUNTRY, LiveTenants
from app.services.observe import make_observer
from app.services.token_vault import make_open_vault
from workers.bulk import run_bulk
from workers.context import DrainContext
from workers.dispatch import Dispatcher
from workers.gate import DatabaseGate
from workers.jobs import JOB_QUEUE, list_crons, list_functions
from workers.late import LateCommits
from workers.process import build_health, open_servers, run_process, stop_on_signals, wait_for_end
from workers.sweeper import run_sweeper
from workers.upkeep import run_upkeep
from workers.waits import Waits
from workers.watch_metrics import run_watch_metrics

log = get_logger()


async def build_context(settings: Settings, resources: AsyncExitStack) -> DrainContext:
    """Pools and clients of a worker; `resources` closes them. Raises ConfigurationError for what cannot work."""
    TENANT_NAMES.tenants_max = settings.metric_tenants_max
    servers = await open_servers(settings, resources, "worker", connections_max=settings.drain_loops + 16)
    redis, cache, queue, database, keyring, outbound = servers
    integrations = LiveIntegrations(database, keyring)
    # Hooks are looked after from the small budget of what people ask for: that slows down nobody's live events.
    asked = Outbound(settings, make_asked_budget(cache, settings))
    resources.push_async_callback(asked.aclose)
    asked_vtex = VtexClient(asked, url_template=settings.vtex_url_template)
    hooks = ProviderHooks(settings=settings, database=database, keyring=keyring, redis=redis, vtex=asked_vtex)
    open_vault = make_open_vault(database, keyring, settings)
    own = OwnAddress()
    resources.push_async_callback(own.aclose)
    work = WorkLog()
    attempts = AttemptNotes(cache, settings)
    resources.push_async_callback(attempts.aclose)
    return DrainContext(
        settings=settings,
        queue=queue,
        database=database,
        keyring=keyring,
        integrations=integrations,
        tenants=LiveTenants(database),
        observer=make_observer(Tools(outbound, settings, open_vault, "live")),
        latency=LatencyRecorder(cache),
        gate=DatabaseGate(database),
        waits=Waits(settings, database, queue, integrations),
        heartbeat=Heartbeat(
            cache,
            settings,
            "worker",
            work=work,
            count_turns=lambda: total(SLICES, "_total"),
            count_events=lambda: total(EVENT_LATENCY_SECONDS, "_count"),
        ),
        work=work,
        attempts=attempts,
        hooks=hooks,
        watchdog=HookWatchdog(
            settings=settings,
            database=database,
            hooks=hooks,
            integrations=integrations,
            probes=HookProbes(settings, database, own),
            silence=HookSilence(settings, database, queue),
            queue=queue,
        ),
        ends=CredentialEnds(database, keyring, Tools(asked, settings, open_vault, "live")),
    )


async def run(settings: Settings) -> None:
    """Works until SIGTERM or SIGINT."""
    async with AsyncExitStack() as resources:
        context = await build_context(settings, resources)
        stop_on_signals(context.stopping)
        normalise_phone("+54 11 5555-1234", DEFAULT_COUNTRY)  # loads the numbering plans now, not with the first event
        late = LateCommits(context)
        health = build_health(settings, context.database, context.queue, context.keyring)
        server = make_server(health, settings.worker_health_host, settings.worker_health_port,
                             stop_timeout_s=1, handles_signals=False)  # fmt: skip
        dispatcher = asyncio.create_task(Dispatcher(context, late).run(), name="dispatcher")
        tasks = [
            _start("gate", context.gate.run()),
            _start("owed", context.owed.run()),
            _start("late", late.run()),
            _start("sweeper", run_sweeper(context)),
            _start("upkeep", run_upkeep(context)),
            _start("waits", context.waits.run()),
            _start("bulk", run_bulk(context)),
            _start("watch_metrics", run_watch_metrics(context)),
            _start("health", server.serve()),
            *([_start("heartbeat", context.heartbeat.run())] if context.heartbeat else ()),
            _start("jobs", run_jobs(settings.get_url("redis_url"), JOB_QUEUE, list_functions(), list_crons(settings),
                                    {"drain": context})),
        ]  # fmt: skip
        log.info("worker.started", group=settings.worker_group, pid=os.getpid())
        await wait_for_end("worker", context.stopping, [dispatcher, *tasks])
        await _stop(context, late, dispatcher, tasks)


def _start(name: str, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    return asyncio.create_task(work, name=name)


async def _stop(
    context: DrainContext, late: LateCommits, dispatcher: "asyncio.Task[None]", tasks: "list[asyncio.Task[None]]"
) -> None:
    timeout_s = context.settings.stop_timeout_s
    await asyncio.wait({dispatcher}, timeout=timeout_s / 2)
    await late.commit_all()
    await context.owed.pay()
    fetches = [group.task for group in context.detached if group.task is not None]
    waiting = await end_tasks((dispatcher, *tasks, *fetches), timeout_s=timeout_s / 2)
    if waiting:
        log.error("worker.killed", tasks=[task.get_name() for task in waiting])
        os._exit(1)
    log.info("worker.stopped")


def main() -> None:
    run_process("worker", run)


if __name__ == "__main__":
    main()
