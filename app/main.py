"""The web process: composition of settings, pools and routes. Run as `python -m app.main`.

It carries the API, the dashboard and health.
"""

import asyncio
import gc
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack

from asyncpg.exceptions import PostgresError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from uvicorn import Server

from app.api.app import build_api
from app.core.ending import end_tasks
from app.core.errors import ConfigurationError, QueueUnavailableError
from app.core.health import Check, health_routes
from app.core.logging import configure_logging, get_logger
from app.core.metrics import API_CALLS, PAGES_SHOWN
from app.core.processes import Heartbeat, total
from app.core.redis import check_queue_server
from app.core.serving import make_server
from app.core.settings import Settings, get_settings
from app.dashboard.app import build_dashboard
from app.dashboard.page import PREFIX
from app.services.api_usage import ApiUsage
from app.services.authentication import Authenticator
from app.services.office import Office, open_office
from app.services.setup import find_setup_problem

STOP_LOOK_S = 0.2

log = get_logger()


async def show_index(request: Request) -> Response:
    """What answers here; for a browser, the dashboard."""
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(f"{PREFIX}/", status_code=307)
    return JSONResponse(
        {
            "service": "acequia",
            "dashboard": f"{PREFIX}/",
            "api": "/api/v2/docs",
            "openapi": "/api/v2/openapi.json",
            "health": "/healthz",
            "ready": "/readyz",
            "metrics": "/metrics",
        }
    )


def list_checks(office: Office) -> Mapping[str, Check]:
    """What /readyz asks."""

    async def check_database() -> str | None:
        await office.database.ping()
        return None

    async def check_queue() -> str | None:
        return " ".join(await check_queue_server(office.queue.redis, office.settings)) or None

    async def check_keys() -> str | None:
        return await office.keyring.find_problem()

    async def check_setup() -> str | None:
        return await find_setup_problem(office)

    return {"database": check_database, "queue": check_queue, "keys": check_keys, "setup": check_setup}


async def end_streams(app: Starlette, server: Server) -> None:
    """When the server is told to stop it waits for its answers, and streams of events would go on."""
    while not server.should_exit:  # noqa: ASYNC110 - uvicorn sets a flag, and no event
        await asyncio.sleep(STOP_LOOK_S)
    app.state.streams.close()


def build_app(office: Office, usage: ApiUsage) -> Starlette:
    """The web app as a value."""
    authenticator = Authenticator(office)
    further = [
        Route("/", show_index), *health_routes(list_checks(office)), *build_dashboard(office, authenticator),
    ]  # fmt: skip
    return build_api(office, usage, authenticator=authenticator, further=further)


async def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT."""
    async with AsyncExitStack() as resources:
        office = await open_office(settings, resources, application_name="acequia web")
        for sentence in office.database.warnings:
            log.warning("database.warning", problem=sentence)
        usage = ApiUsage(office)
        heartbeat = Heartbeat(office.cache, settings, "web", count_events=count_answers)
        app = build_app(office, usage)
        server = make_server(
            app, settings.web_host, settings.web_port, stop_timeout_s=settings.stop_timeout_s,
            forwarded_allow_ips=settings.forwarded_allow_ips,
        )  # fmt: skip
        writing = asyncio.create_task(usage.run(), name="api usage")
        beating = asyncio.create_task(heartbeat.run(), name="heartbeat")
        ending = asyncio.create_task(end_streams(app, server), name="end streams")
        log.info("web.started", port=settings.web_port)
        # What is here now stays: a collection that walked through all of it would double a long answer's time.
        gc.freeze()
        try:
            await server.serve()
        finally:
            await end_tasks([writing, ending, beating], timeout_s=2.0)
            await _flush(usage)


def count_answers() -> float:
    """Calls and pages that this process answered."""
    return total(API_CALLS, "_total") + total(PAGES_SHOWN, "_total")


async def _flush(usage: ApiUsage) -> None:
    try:
        await usage.flush()
    except (PostgresError, OSError) as error:
        log.warning("api_usage.not_written", error=type(error).__name__)


def main() -> None:
    try:
        settings = get_settings()
        configure_logging("web", settings.log_level)
        asyncio.run(run(settings))
    except ConfigurationError as error:
        sys.exit(f"web cannot start: {error}")
    except (PostgresError, QueueUnavailableError, OSError) as error:
        # Its supervisor starts it again: Postgres or Redis may only be a moment behind.
        sys.exit(f"web cannot start: PostgreSQL or Redis does not answer yet ({type(error).__name__}).")


if __name__ == "__main__":
    main()
