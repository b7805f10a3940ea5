"""POST /webhooks/{source}/{token}: from a call to a durable event (design §4).

A raw ASGI application: this is the path on which every microsecond counts, so nothing is wrapped, and what can be
prepared is (known_endpoint.py, answers.py).

1. The size, declared or counted while reading: 413.
2. The token: its checksum in memory, then the directory. Not to be had now: 503, never 401.
3. The caller: secret header, signature, or nothing more for an address that is its own secret. One 401 for all.
4. The body: 422 naming the field. VTEX's ping: 200. An account that is not listed: 200, ignored.
5. A tenant that is not active: 200, ignored, and a gap mark.
6. The append with its fsync confirmed: 200 and the event's id; else 503 or what a full queue asks for, and a gap mark.
"""

from typing import Final

from starlette.types import Receive, Scope, Send

from app.connectors.contract import Ignored, Ping
from app.core.errors import MappingError, QueueUnavailableError
from app.core.logging import get_logger
from app.core.metric_labels import TENANT_NAMES
from app.core.queue_records import NewEntry
from app.core.settings import Settings
from app.core.tokens import hash_token
from app.receiver import answers
from app.receiver.answers import Answer, make_ignored
from app.receiver.appender import Appender
from app.receiver.body import DisconnectedError, MalformedError, TooLargeError, read_body
from app.receiver.endpoint_cache import EndpointCache
from app.receiver.gaps import GapMarks
from app.receiver.intake import (
    Call,
    Taken,
    UnauthorizedError,
    WrongMethodError,
    take_inline,
    take_order_hook,
    take_trigger,
)
from app.receiver.known_endpoint import KnownEndpoint, spend_refusal
from app.receiver.metrics import CALLS
from app.receiver.refusals import NOBODY, Refusals
from schemas.events import Event, encode_event

log = get_logger()

PREFIX: Final = "/webhooks/"
_METHODS = frozenset({"POST", "GET"})
_UNKNOWN = "unknown"


class Webhooks:
    """The hot path over what it needs."""

    def __init__(
        self, cache: EndpointCache, appender: Appender, gaps: GapMarks, refusals: Refusals, settings: Settings
    ) -> None:
        self._cache = cache
        self._appender = appender
        self._gaps = gaps
        self._refusals = refusals
        self._body_bytes_max = settings.body_bytes_max
        self._tolerance_s = settings.signature_tolerance_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        try:
            body = await read_body(receive, headers.get(b"content-length"), self._body_bytes_max)
            call = Call(scope["method"], headers, scope["query_string"], body, scope.get("client"))
            answer = await self._answer(scope["path"], call)
        except DisconnectedError:
            return
        except TooLargeError:
            self._refusals.note(NOBODY, _UNKNOWN, "body_too_large", client=scope.get("client"))
            answer = answers.TOO_LARGE
        except Exception:  # a fault of ours must not look like an acknowledgement, nor end without an answer
            log.exception("receiver.call_broken")
            self._refusals.note(NOBODY, _UNKNOWN, "internal_error", client=scope.get("client"))
            answer = answers.BROKEN
        await send(answer.start)
        await send(answer.body)

    async def _answer(self, path: str, call: Call) -> Answer:
        source, separator, token = path[len(PREFIX) :].partition("/")
        if not separator or not token or "/" in token:
            return answers.NOT_FOUND
        if call.method not in _METHODS:
            return answers.METHOD_NOT_ALLOWED
        endpoint = self._cache.get_cached(token)
        if endpoint is None or endpoint.entry.source != source:
            found = await self._find(source, token, call)
            if isinstance(found, Answer):
                return found
            endpoint = found
        event = self._read(endpoint, call)
        if isinstance(event, Answer):
            return event
        if endpoint.entry.tenant_status != "active":
            reason = f"tenant_{endpoint.entry.tenant_status}"
            return await self._mark_and_refuse(endpoint, call, reason, make_ignored(reason))
        return await self._append(endpoint, call, event)

    async def _find(self, source: str, token: str, call: Call) -> KnownEndpoint | Answer:
        """The endpoint of a token that is not cached."""
        try:
            endpoint = await self._cache.find(token) if self._cache.is_ours(token) else None
        except QueueUnavailableError:
            await self._gaps.mark_token(hash_token(token))
            self._refusals.note(NOBODY, _UNKNOWN, "directory_unavailable", client=call.client)
            return answers.UNAVAILABLE
        if endpoint is not None and endpoint.entry.source == source:
            return endpoint
        spend_refusal(call.headers.get(b"x-acequia-secret"))
        self._refusals.note(NOBODY, _UNKNOWN, "unknown_token", client=call.client)
        return answers.UNAUTHORIZED

    def _read(self, endpoint: KnownEndpoint, call: Call) -> Event | Answer:
        """The event to append, or the answer to a call that is none."""
        try:
            taken = self._take(endpoint, call)
        except UnauthorizedError:
            return self._refuse(endpoint, call, "wrong_secret", answers.UNAUTHORIZED)
        except WrongMethodError:
            return self._refuse(endpoint, call, "wrong_method", answers.METHOD_NOT_ALLOWED)
        except MalformedError:
            return self._refuse(endpoint, call, "malformed_json", answers.MALFORMED, "$")
        except MappingError as error:
            problem = answers.make_problem(422, "unprocessable", error.problem, field=error.field)
            return self._refuse(endpoint, call, "unprocessable", problem, error.field)
        if isinstance(taken, Ignored):
            return self._refuse(endpoint, call, taken.reason, make_ignored(taken.reason))
        if isinstance(taken, Ping):
            CALLS.labels(TENANT_NAMES.get(endpoint.entry.tenant_id), endpoint.entry.kind, "ping").inc()
            return answers.PONG
        return taken

    def _take(self, endpoint: KnownEndpoint, call: Call) -> Taken:
        kind = endpoint.entry.kind
        if kind == "order_hook":
            return take_order_hook(endpoint, call)
        if kind == "customer_trigger":
            return take_trigger(endpoint, call)
        return take_inline(endpoint, call, self._tolerance_s)

    async def _append(self, endpoint: KnownEndpoint, call: Call, event: Event) -> Answer:
        key = (endpoint.entry.tenant_id, endpoint.ahead_class)
        group = self._appender.add(*key, NewEntry(event.event_id, encode_event(event)))
        if group is None:
            return await self._mark_and_refuse(endpoint, call, "receiver_overloaded", answers.UNAVAILABLE)
        failure = await group.done
        if failure is not None:
            return await self._mark_and_refuse(endpoint, call, failure.code, answers.UNAVAILABLE)
        if key in group.full:
            # Master Data's triggers are never sent again: a refusal would tell nobody anything.
            is_repeated = endpoint.entry.kind != "customer_trigger"
            answer = answers.QUEUE_FULL if is_repeated else make_ignored("queue_full")
            return await self._mark_and_refuse(endpoint, call, "queue_full", answer)
        endpoint.accepted.inc()
        return answers.make_accepted(event.event_id)

    async def _mark_and_refuse(self, endpoint: KnownEndpoint, call: Call, reason: str, answer: Answer) -> Answer:
        entry = endpoint.entry
        await self._gaps.mark_endpoint(entry.tenant_id, entry.integration_id, entry.kind)
        return self._refuse(endpoint, call, reason, answer)

    def _refuse(
        self, endpoint: KnownEndpoint, call: Call, reason: str, answer: Answer, field: str | None = None
    ) -> Answer:
        self._refusals.note(endpoint.entry.tenant_id, endpoint.entry.kind, reason, field, client=call.client)
        return answer
