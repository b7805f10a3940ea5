"""`python -m scripts.sandbox --port N`: the VTEX sandbox on loopback. Prints one line when it is ready."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import orjson
import typer
import uvicorn

from scripts.sandbox.server import Sandbox


class _Server(uvicorn.Server):
    """Stops at once: calls that hang on purpose are not waited for."""

    def __init__(self, config: uvicorn.Config, sandbox_line: str) -> None:
        super().__init__(config)
        self._line = sandbox_line

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(sockets)  # type: ignore[arg-type]
        if self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            print(self._line.format(port=port), flush=True)

    def handle_exit(self, sig: int, frame: object) -> None:
        self.force_exit = True
        super().handle_exit(sig, frame)  # type: ignore[arg-type]


def main(
    port: Annotated[int, typer.Option(help="0: any free port, told in the line printed.")] = 0,
    latency_ms: Annotated[float, typer.Option(help="Median answer time; 0: none, and no hangs.")] = 300.0,
    seed: Annotated[int, typer.Option(help="The same seed makes the same people, products and orders.")] = 56,
    accounts: Annotated[Path | None, typer.Option(help="JSON file with the body of PUT /_sandbox/accounts.")] = None,
) -> None:
    """Emulates VTEX for the accounts it is given: base address http://127.0.0.1:PORT/{account}."""
    body = orjson.loads(accounts.read_bytes()) if accounts else {}
    config = uvicorn.Config(
        Sandbox(seed, latency_ms, body),
        host="127.0.0.1",
        port=port,
        log_level="critical",  # an answer that is cut on purpose is an error to the server
        access_log=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config, "sandbox ready on http://127.0.0.1:{port}")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    asyncio.run(server.serve())


if __name__ == "__main__":
    typer.run(main)
