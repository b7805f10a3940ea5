"""Runs an ASGI app in a process of ours: loopback by default, no access log, a bounded stop."""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp
from uvicorn import Config, Server


class GuestServer(Server):
    """A server inside a process that handles signals itself."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def make_server(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    stop_timeout_s: float,
    handles_signals: bool = True,
    forwarded_allow_ips: str = "127.0.0.1",
) -> Server:
    """A uvicorn server. Paths may carry tokens, so nothing is logged per call. `forwarded_allow_ips`: proxies that are
    believed who calls."""
    config = Config(
        app,
        host=host,
        port=port,
        access_log=False,
        log_config=None,
        lifespan="off",
        server_header=False,
        forwarded_allow_ips=forwarded_allow_ips,
        timeout_graceful_shutdown=max(1, int(stop_timeout_s)),
        timeout_keep_alive=15,
    )
    return Server(config) if handles_signals else GuestServer(config)
