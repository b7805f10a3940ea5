"""The syncer process: steps of batch and manual syncs, and arq jobs for what starts by the clock.

Run as `python -m workers.syncer`. SIGTERM stops it cleanly: steps are ended, their streams given back.
"""

import asyncio
import gc
import os
from contextlib import AsyncExitStack

from app.connectors.registry import list_connectors
from app.connectors.tools import Tools
from app.core.ending import end_tasks
from app.core.identity import normalise_phone
from app.core.jobs import run_jobs
from app.core.logging import get_logger
from app.core.metrics import SYNC_OBJECTS, SYNC_STEPS
from app.core.processes import Heartbeat, WorkLog, total
from app.core.serving import make_server
from app.core.settings import Settings
from app.services.integrations import LiveIntegrations
from app.services.live_tenants import DEFAULT_COUNTRY, LiveTenants
from app.services.token_vault import make_open_vault
from workers.process import build_health, open_servers, run_process, stop_on_signals, wait_for_end
from workers.sync_context import SyncContext
from workers.sync_jobs import JOB_QUEUE, list_crons, list_functions
from workers.syncs import SyncLoops

GARBAGE_OBJECTS = 20_000  # new objects between two collections of the youngest

log = get_logger()


async def build_sync_context(settings: Settings, resources: AsyncExitStack) -> SyncContext:
    """Pools and clients of a syncer; `resources` closes them. Raises ConfigurationError for what cannot work."""
    servers = await open_servers(settings, resources, "syncer")
    open_vault = make_open_vault(servers.database, servers.keyring, settings)
    tools = Tools(servers.outbound, settings, open_vault, "batch")
    readers = {
        name: connector.make_readers(tools)
        for name, connector in list_connectors().items()
        if connector.make_readers is not None
    }
    report_readers = {
        name: connector.make_report_readers(tools)
        for name, connector in list_connectors().items()
        if connector.make_report_readers is not None
    }
    work = WorkLog()
    return SyncContext(
        settings=settings,
        database=servers.database,
        keyring=servers.keyring,
        queue=servers.queue,
        integrations=LiveIntegrations(servers.database, servers.keyring),
        tenants=LiveTenants(servers.database),
        readers=readers,
        report_readers=report_readers,
        heartbeat=Heartbeat(
            servers.cache,
            settings,
            "syncer",
            work=work,
            count_turns=lambda: total(SYNC_STEPS, "_total"),
            count_events=lambda: total(SYNC_OBJECTS, "_total"),
        ),
        work=work,
    )


async def run(settings: Settings) -> None:
    """Works until SIGTERM or SIGINT."""
    os.nice(settings.sync_niceness)  # live work on the same machine goes first
    async with AsyncExitStack() as resources:
        context = await build_sync_context(settings, resources)
        stop_on_signals(context.stopping)
        normalise_phone("+54 11 5555-1234", DEFAULT_COUNTRY)  # loads the numbering plans now, not with the first page
        settle_garbage()
        health = build_health(settings, context.database, context.queue, context.keyring)
        server = make_server(health, settings.syncer_health_host, settings.syncer_health_port,
                             stop_timeout_s=1, handles_signals=False)  # fmt: skip
        loops = asyncio.create_task(SyncLoops(context).run(), name="loops")
        tasks = [
            asyncio.create_task(server.serve(), name="health"),
            *([asyncio.create_task(context.heartbeat.run(), name="heartbeat")] if context.heartbeat else ()),
            asyncio.create_task(
                run_jobs(settings.get_url("redis_url"), JOB_QUEUE, list_functions(), list_crons(), {"sync": context}),
                name="jobs",
            ),
        ]
        log.info("syncer.started", pid=os.getpid())
        await wait_for_end("syncer", context.stopping, [loops, *tasks])
        await asyncio.wait({loops}, timeout=settings.stop_timeout_s / 2)
        waiting = await end_tasks((loops, *tasks), timeout_s=settings.stop_timeout_s / 2)
        if waiting:
            log.error("syncer.killed", tasks=[task.get_name() for task in waiting])
            os._exit(1)
        log.info("syncer.stopped")


def settle_garbage() -> None:
    """What is here now stays. A page is thousands of small objects that go by themselves, and none of them is garbage
    while it is worked on: looking for it as often as usual takes 5 % of a backfill."""
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS)


def main() -> None:
    run_process("syncer", run)


if __name__ == "__main__":
    main()
