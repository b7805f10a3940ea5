"""The web process: composition of settings, pools and routes. Run as `python -m app.main`.

It carries health today; the API and the dashboard join it here.
"""

import asyncio
import sys
from collections.abc import Mapping

from asyncpg.exceptions import PostgresError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.core.errors import ConfigurationError, QueueUnavailableError
from app.core.health import Check, health_routes
from app.core.logging import configure_logging, get_logger
from app.core.redis import check_queue_server, connect_redis
from app.core.serving import make_server
from app.core.settings import Settings, get_settings
from db.pool import Database

log = get_logger()


async def show_index(request: Request) -> Response:
    """What answers here."""
    del request
    return JSONResponse({"service": "acequia", "health": "/healthz", "ready": "/readyz", "metrics": "/metrics"})


def build_app(checks: Mapping[str, Check]) -> Starlette:
    """The web app as a value."""
    return Starlette(routes=[Route("/", show_index), *health_routes(checks)])


async def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT."""
    database = await Database.open(settings, application_name="acequia web")
    for sentence in database.warnings:
        log.warning("database.warning", problem=sentence)
    redis = connect_redis(settings.get_url("redis_url"), socket_timeout_s=2.0)

    async def check_database() -> str | None:
        await database.ping()
        return None

    async def check_queue() -> str | None:
        return " ".join(await check_queue_server(redis, settings)) or None

    app = build_app({"database": check_database, "queue": check_queue})
    server = make_server(app, settings.web_host, settings.web_port, stop_timeout_s=settings.stop_timeout_s)
    log.info("web.started", port=settings.web_port)
    try:
        await server.serve()
    finally:
        await redis.aclose()
        await database.close()


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
