"""The API as one Starlette app: every operation's route, the document that describes them, and one way to say no."""

from collections.abc import Sequence

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from app.api import (
    alert_channels,
    alerts,
    audit,
    bulk,
    health,
    integrations,
    keys,
    ledger,
    lifecycle,
    people,
    queues,
    records,
    reports,
    session,
    sync_status,
    syncs,
    tenants,
)
from app.api.docs import STYLE, render_docs
from app.api.endpoint import make_route, read_request_id
from app.api.openapi import build_openapi
from app.api.operation import PREFIX, Operation, check_operations
from app.api.problems import make_problem
from app.api.streams import EventStreams
from app.core.errors import AcequiaError, MethodNotAllowedError, NotFoundError
from app.services.api_usage import ApiUsage
from app.services.authentication import Authenticator
from app.services.office import Office

OPERATIONS: tuple[Operation, ...] = (
    *tenants.OPERATIONS,
    *integrations.OPERATIONS,
    *lifecycle.OPERATIONS,
    *sync_status.OPERATIONS,
    *health.OPERATIONS,
    *syncs.OPERATIONS,
    *keys.OPERATIONS,
    *people.OPERATIONS,
    *session.OPERATIONS,
    *queues.OPERATIONS,
    *audit.OPERATIONS,
    *records.OPERATIONS,
    *reports.OPERATIONS,
    *bulk.OPERATIONS,  # before the ledger's: a dead letter's id stands where these have a word
    *ledger.OPERATIONS,
    # Channels first: their addresses stand where an alert's id does.
    *alert_channels.OPERATIONS,
    *alerts.OPERATIONS,
)
PAGE_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def build_api(
    office: Office,
    usage: ApiUsage,
    *,
    authenticator: Authenticator | None = None,
    further: Sequence[BaseRoute] = (),
    operations: tuple[Operation, ...] = OPERATIONS,
) -> Starlette:
    """The app as a value. `authenticator`: shared with whatever else
    answers. `further`: routes beside the API's. Its `state.streams` are the EventStreams that are open.
    Raises ValueError for an operation that would leave a door open, which stops the start."""
    check_operations(operations)
    authenticator = authenticator or Authenticator(office)
    streams = EventStreams(office.settings)
    routes = [make_route(operation, office, authenticator, usage, streams) for operation in operations]
    origins = [origin.strip() for origin in office.settings.api_cors_origins.split(",") if origin.strip()]
    middleware = []
    if origins:
        middleware.append(
            Middleware(
                CORSMiddleware,
                allow_origins=origins,
                allow_methods=["GET", "POST", "PUT", "DELETE"],
                allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "X-Request-Id"],
                expose_headers=["ETag", "Location", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id"],
            )
        )
    app = Starlette(
        routes=[*further, *_describe_routes(), *routes],
        middleware=middleware,
        exception_handlers={HTTPException: _answer_http_error, Exception: _answer_broken},
    )
    # An answer that nobody declared, with an address made from the Host that the caller chose.
    app.router.redirect_slashes = False
    app.state.streams = streams
    return app


def _describe_routes() -> list[Route]:
    document = build_openapi(OPERATIONS)
    as_json, as_page = orjson.dumps(document), render_docs(document)

    async def show_openapi(request: Request) -> Response:
        del request
        return Response(as_json, media_type="application/json")

    async def show_docs(request: Request) -> Response:
        del request
        return Response(as_page, media_type="text/html", headers={"Content-Security-Policy": PAGE_POLICY})

    async def show_style(request: Request) -> Response:
        del request
        return Response(STYLE, media_type="text/css")

    return [
        Route(f"{PREFIX}/openapi.json", show_openapi, methods=["GET"]),
        Route(f"{PREFIX}/docs", show_docs, methods=["GET"]),
        Route(f"{PREFIX}/docs.css", show_style, methods=["GET"]),
    ]


async def _answer_http_error(request: Request, error: Exception) -> Response:
    """What the router itself refuses: an address that is not there, a method that it does not take."""
    assert isinstance(error, HTTPException)
    request_id = read_request_id(request)
    problem: AcequiaError = NotFoundError("There is nothing at this address.")
    headers = {**(error.headers or {}), "X-Request-Id": request_id}
    if error.status_code == 405:
        problem = MethodNotAllowedError("This address does not take this method.")
    return make_problem(problem, request_id, headers)


async def _answer_broken(request: Request, error: Exception) -> Response:
    request_id = read_request_id(request)
    return make_problem(error, request_id, {"X-Request-Id": request_id})
