"""What the receiver is measured against, as processes: a bare Starlette route, and the fastest server there can be.

`python -m scripts.benchmarks.receiver_servers bare|ceiling`; settings from the environment, as the receiver's.
"""

import asyncio
import sys
from typing import cast

import orjson
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.core.settings import Settings, get_settings
from app.receiver.server import serve

_ANSWER = b'{"success":true,"event_id":"00000000-0000-7000-8000-000000000000"}'
_CEILING_ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(_ANSWER)
) + _ANSWER


async def receive(request: Request) -> Response:
    """Reads and parses the body, and does nothing else."""
    orjson.loads(await request.body())
    return Response(_ANSWER, media_type="application/json")


def make_bare_app() -> Starlette:
    return Starlette(routes=[Route("/webhooks/{source}/{token}", receive, methods=["POST"])])


class Ceiling(asyncio.Protocol):
    """Answers whatever comes: what the generator can do at most."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by class

    def data_received(self, data: bytes) -> None:
        del data
        self._transport.write(_CEILING_ANSWER)


async def serve_ceiling(settings: Settings) -> None:
    server = await asyncio.get_running_loop().create_server(Ceiling, settings.receiver_host, settings.receiver_port)
    await server.serve_forever()


def main() -> None:
    settings = get_settings()
    uvloop.run(serve(make_bare_app(), settings) if sys.argv[1] == "bare" else serve_ceiling(settings))


if __name__ == "__main__":
    main()
