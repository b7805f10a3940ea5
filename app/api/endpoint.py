"""From a request to an answer, the same way for every operation:

1. an id for the call, echoed; 2. who calls; 3. whose tenant, if the path says it; 4. how often; 5. whether they may;
6. query and body; where these name the tenant, 3 to 5 then; 7. a repeat under the same key is answered as before;
8. the handler; 9. the answer with its headers. Whatever raises becomes a problem.
"""

import re
from collections.abc import Mapping

import structlog
from starlette.convertors import IntegerConvertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.api import guard, idempotency
from app.api.call import Call
from app.api.inputs import read_body, read_query
from app.api.operation import PATH_TEXT_MAX, PREFIX, Operation, Result
from app.api.problems import make_problem
from app.api.streams import EventStreams
from app.core.addresses import group_address
from app.core.cookies import name_session_cookie
from app.core.errors import AcequiaError, NotFoundError
from app.core.metrics import API_CALLS
from app.services.access import check_not_erased, check_origin
from app.services.api_usage import ApiUsage
from app.services.authentication import Authenticator
from app.services.ids import read_integration_id
from app.services.office import Office
from app.services.permissions import Principal
from schemas.api import TENANT_ID_MAX, Query
from schemas.ids import make_uuid7

REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)


class _NumberConvertor(IntegerConvertor):
    """Python reads no number of thousands of digits, and raises where nobody makes a problem of it."""

    def convert(self, value: str) -> int:
        return int(value) if len(value) < 20 else TENANT_ID_MAX + 1


class Endpoint:
    """One operation as Starlette calls it."""

    def __init__(
        self, operation: Operation, office: Office, authenticator: Authenticator, usage: ApiUsage, streams: EventStreams
    ) -> None:
        self._operation = operation
        self._streams = streams
        self._office = office
        self._authenticator = authenticator
        self._usage = usage

    async def __call__(self, request: Request) -> Response:
        call = self._make_call(request)
        with structlog.contextvars.bound_contextvars(request_id=call.request_id):
            try:
                response = await self._answer(request, call)
            except Exception as error:
                response = make_problem(error, call.request_id, call.headers)
        API_CALLS.labels(self._operation.operation_id, str(response.status_code)).inc()
        return response

    async def _answer(self, request: Request, call: Call) -> Response:
        operation = self._operation
        _check_path(call.path)
        if operation.permission != "public":
            await self._admit(request, call)
        try:
            raw = await self._read_inputs(request, call)
        except AcequiaError:
            if operation.tenant_in in {"query", "body"}:
                await guard.limit_rates(call, None)  # no tenant is known, but who calls is
            raise
        if operation.tenant_in in {"query", "body"}:
            named = call.query if operation.tenant_in == "query" else call.body
            await self._admit_to(call, getattr(named, "tenant_id"))  # noqa: B009 - every such model has one
        if operation.method == "POST":
            return await self._answer_once(request, call, raw)
        result = await operation.handler(call)
        return self._show(call, result) if result.events is None else self._stream(request, call, result)

    def _stream(self, request: Request, call: Call, result: Result) -> Response:
        assert result.events is not None
        if request.method == "HEAD":
            return Response(media_type=self._operation.media_type, headers=call.headers)

        async def may_go_on() -> bool:
            """A key that was revoked, or a role that was taken away, ends what it opened."""
            try:
                call.principal = await self._authenticate(request, call)
            except AcequiaError:
                return False
            guard.check_permission(call, self._operation)
            return True

        return self._streams.answer(result.events, call.headers, may_go_on, tenant_id=call.tenant_id)

    async def _read_inputs(self, request: Request, call: Call) -> bytes:
        operation = self._operation
        if operation.query is not None or request.scope["query_string"]:
            call.query = read_query(request.scope["query_string"], operation.query or Query)
        raw = b""
        if operation.body is not None:
            call.body, raw = await read_body(
                request, operation.body, self._office.settings.api_body_bytes_max,
                is_required=operation.is_body_required,
            )  # fmt: skip
        return raw

    async def _admit(self, request: Request, call: Call) -> None:
        headers, operation = request.headers, self._operation
        call.principal = await self._authenticate(request, call)
        if "authorization" not in headers:
            check_origin(
                operation.method, fetch_site=headers.get("sec-fetch-site"), origin=headers.get("origin"),
                host=headers.get("host", ""),
            )  # fmt: skip
        if operation.tenant_in == "path":
            await self._admit_to(call, call.get_number("tenant_id"))
        elif operation.tenant_in == "integration":
            await self._admit_to(call, read_integration_id(call.get_text("integration_id")).tenant_id)
        elif operation.tenant_in is None:
            await self._admit_to(call, None)

    @staticmethod
    async def _authenticate(request: Request, call: Call) -> Principal:
        session_id = request.cookies.get(name_session_cookie(is_secure=call.is_secure))
        return await guard.authenticate(call, request.headers.get("authorization"), session_id)

    async def _admit_to(self, call: Call, tenant_id: int | None) -> None:
        try:
            if tenant_id is not None:
                call.tenant = await guard.find_callers_tenant(call, tenant_id)
                check_not_erased(call.tenant, self._operation.method)
            metered = await guard.find_metered_tenant(call)
        except NotFoundError:
            await guard.limit_rates(call, None)  # trying others' ids is calling, too
            raise
        await guard.limit_rates(call, metered)
        guard.check_permission(call, self._operation)
        await guard.limit_day(call, metered, self._usage)

    async def _answer_once(self, request: Request, call: Call, raw: bytes) -> Response:
        operation = self._operation
        scope = request.scope
        target = scope["path"] + "?" + scope["query_string"].decode("latin-1")
        key = idempotency.read_call_key(
            request.headers.get(idempotency.HEADER), call.principal, operation.method, target, raw
        )
        if key is None:
            return self._show(call, await operation.handler(call))
        earlier = await idempotency.begin(self._office, key)
        if earlier is not None:
            earlier.headers.update(call.headers)  # this call's own id and limits
            return earlier
        try:
            result = await operation.handler(call)
        except Exception as error:
            # Nor after a cancellation: what was asked for may have been done, and must not be done again.
            if operation.is_harmless_twice or idempotency.has_changed_nothing(error):
                await idempotency.forget(self._office, key)
            raise
        response = self._show(call, result)
        await idempotency.end(
            self._office, key, response, object_id=result.object_id, shows_secret=operation.shows_secret
        )
        return response

    def _show(self, call: Call, result: Result) -> Response:
        headers = dict(call.headers)
        if result.etag is not None:
            headers["ETag"] = result.etag
        if result.location is not None:
            headers["Location"] = PREFIX + result.location
        if result.cookie is not None:
            headers["Set-Cookie"] = result.cookie
        return Response(
            result.answer.model_dump_json(),
            status_code=result.status or self._operation.status,
            media_type="application/json",
            headers=headers,
        )

    def _make_call(self, request: Request) -> Call:
        request_id = read_request_id(request)
        return Call(
            office=self._office,
            authenticator=self._authenticator,
            request_id=request_id,
            address=group_address(request.client.host) if request.client else "",
            is_secure=request.url.scheme == "https" or self._office.settings.is_production,
            path=dict(request.path_params),
            if_match=request.headers.get("if-match"),
            # Answers hold a tenant's data: nothing between us and the caller may keep them.
            headers={"X-Request-Id": request_id, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
        )


def make_route(
    operation: Operation, office: Office, authenticator: Authenticator, usage: ApiUsage, streams: EventStreams
) -> Route:
    """The Starlette route of an operation."""
    endpoint = Endpoint(operation, office, authenticator, usage, streams)
    route = Route(PREFIX + operation.path, endpoint.__call__, methods=[operation.method], name=operation.operation_id)
    for name, convertor in route.param_convertors.items():
        if isinstance(convertor, IntegerConvertor):
            route.param_convertors[name] = _NumberConvertor()
    return route


def read_request_id(request: Request) -> str:
    """The caller's own id of the call, if it is one that may be written into a header and a log; else a new one."""
    offered = request.headers.get("x-request-id", "")
    return offered if REQUEST_ID.fullmatch(offered) else make_uuid7()


def _check_path(path: Mapping[str, str | int]) -> None:
    """What stands in an address and can be no name of anything is not there."""
    for name, value in path.items():
        if isinstance(value, int):
            is_possible = 0 <= value <= TENANT_ID_MAX
        else:
            is_possible = len(value) <= PATH_TEXT_MAX and value.isprintable()
        if not is_possible:
            raise NotFoundError(f"There is nothing under this {name}.")
