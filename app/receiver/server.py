"""Runs the receiver: one process, uvloop and httptools, no access log (a path holds a token), a bounded stop."""

import asyncio
import signal

from starlette.types import ASGIApp
from uvicorn import Config

from app.core.logging import get_logger
from app.core.serving import GuestServer
from app.core.settings import Settings
from app.receiver.app import open_receiver
from app.receiver.protocol import DeadlineProtocol, close_stalled

log = get_logger()

BACKLOG = 2_048
KEEP_ALIVE_S = 15
# Of the time to stop, what is left for the last append and the last marks once all calls are answered.
LAST_STEPS_S = 3


def make_config(app: ASGIApp, settings: Settings) -> Config:
    """uvicorn's settings for the receiver. The benchmark serves its bare route with the same."""
    return Config(
        app,
        host=settings.receiver_host,
        port=settings.receiver_port,
        loop="uvloop",
        http=DeadlineProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        limit_concurrency=settings.receiver_connections_max,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, int(settings.stop_timeout_s - LAST_STEPS_S)),
    )


async def serve(app: ASGIApp, settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT; then answers what is in hand, for STOP_TIMEOUT_S at most."""
    server = GuestServer(make_config(app, settings))
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    stalled = asyncio.create_task(close_stalled(server.server_state.connections, settings.request_read_timeout_s))
    try:
        await server.serve()
    finally:
        stalled.cancel()


async def run(settings: Settings) -> None:
    """The whole life of a receiver process. Raises ConfigurationError."""
    async with open_receiver(settings) as app:
        log.info("receiver.started", port=settings.receiver_port, durability=settings.redis_durability)
        await serve(app, settings)
    log.info("receiver.stopped")
