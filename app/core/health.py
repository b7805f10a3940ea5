"""Health for every process: /healthz (the loop runs), /readyz (it can do its work), /metrics (Prometheus)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.core.metrics import READY

Check = Callable[[], Awaitable[str | None]]
CHECK_TIMEOUT_S = 2.0


def health_routes(checks: Mapping[str, Check], notes: Callable[[], Mapping[str, str]] = dict) -> list[Route]:
    """The three routes. A check returns None when fine, else a sentence that says what to do.

    `notes` are shown on /readyz and change nothing: what is declared and not proven belongs there.
    """

    async def healthz(request: Request) -> Response:
        del request
        return JSONResponse({"healthy": True})

    async def readyz(request: Request) -> Response:
        del request
        problems = dict(zip(checks, await asyncio.gather(*map(_run, checks.values())), strict=True))
        is_ready = not any(problems.values())
        answer = {
            "ready": is_ready,
            "checks": {name: problem or "ok" for name, problem in problems.items()},
            "notes": dict(notes()),
        }
        return JSONResponse(answer, status_code=200 if is_ready else 503)

    async def metrics(request: Request) -> Response:
        del request
        for name, problem in zip(checks, await asyncio.gather(*map(_run, checks.values())), strict=True):
            READY.labels(name).set(problem is None)
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return [
        Route("/healthz", healthz, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]


async def _run(check: Check) -> str | None:
    """A check that hangs or raises is a problem, not an outage of the page that should report it."""
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            return await check()
    except TimeoutError:
        return f"No answer within {CHECK_TIMEOUT_S:g} s: see whether the server is up and reachable."
    except Exception as error:  # a page about health answers whatever happens
        return f"The check failed with {type(error).__name__}: see the log of this process."
