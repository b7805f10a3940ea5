"""The one client for calls to providers: budget, breaker, time-outs, size cap, metrics, and whose fault an error is.

No URL, header or body reaches a log, an error or a metric: a call is known by its provider, route name and account.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from contextvars import ContextVar
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Literal, NamedTuple, Protocol, Self

import aiohttp
import httpx
import structlog
from httpx_aiohttp import AiohttpTransport
from prometheus_client import Counter, Histogram

from app.core.answers import classify_refusal, read_retry_after_s
from app.core.breaker import Breaker
from app.core.errors import (
    ObjectFailedError,
    ProviderError,
    ProviderTimeoutError,
    ProviderUnavailableError,
    ThrottledError,
)
from app.core.lru import Lru
from app.core.settings import Settings
from app.core.turns import Turns

Priority = Literal["live", "batch"]

CALLS = Counter("acequia_provider_calls", "Calls to providers, by how they ended", ["provider", "route", "end"])
CALL_SECONDS = Histogram(
    "acequia_provider_call_seconds",
    "Time from sending a call to having read its answer",
    ["provider", "route"],
    buckets=(0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 2.0, 4.0, 8.0),
)
_KEEPALIVE_S = 30.0
# A gateway's 502 to 504 is the object's own fault only if the account answered others this recently.
_EVIDENCE_S = 10.0

_log = structlog.get_logger("acequia.outbound")


class CallCount:
    """What a piece of work has asked of providers: calls that left, and bytes of the answers read."""

    __slots__ = ("calls", "read_bytes")

    def __init__(self, calls: int = 0, read_bytes: int = 0) -> None:
        self.calls = calls
        self.read_bytes = read_bytes

    def copy(self) -> "CallCount":
        """As it is now."""
        return CallCount(self.calls, self.read_bytes)


# Set by whoever wants to know what its calls cost; tasks started under it count into the same one.
CALL_COUNT: ContextVar[CallCount | None] = ContextVar("call_count", default=None)


class Budget(Protocol):
    """Who says whether a call may be made: app.core.limits.RedisBudget (this module stays free of Redis)."""

    async def take(self, account_key: str, priority: Priority) -> None:
        """One call. Raises ThrottledError when there is none left."""

    async def close(self, account_key: str, seconds: float) -> None:
        """Nobody calls this account for so long: the provider asked for it."""


class Route(NamedTuple):
    """Which of a provider's routes, and whose account. `throttle_s`: the pause after a 429 without Retry-After.
    `counted_by`: what the provider's limits count, where that is not the account (a project, an application)."""

    provider: str
    name: str
    account: str
    throttle_s: float = 60.0
    counted_by: str = ""

    @property
    def account_key(self) -> str:
        return f"{self.provider}:{self.counted_by or self.account}"


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


# What an answer's body says beyond its status, for providers that speak by it; None: nothing.
Judge = Callable[[Answer], ProviderError | None]


class Outbound:
    """Made once per process inside its event loop; `aclose` at the end."""

    def __init__(self, settings: Settings, budget: Budget) -> None:
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs every URL at INFO
        self._budget = budget
        self._turns = Turns(settings.batch_budget_wait_s)
        self._call_timeout_s = settings.provider_call_timeout_s
        self._bytes_max = settings.provider_answer_bytes_max
        self._breaker_failures = settings.breaker_failures
        self._breaker_open_s = settings.breaker_open_s
        self._breakers: Lru[str, Breaker] = Lru()
        self._answered_at: Lru[str, float] = Lru()
        connections = settings.fetch_concurrency_per_process
        self._http = httpx.AsyncClient(
            transport=AiohttpTransport(client=lambda: _make_session(connections)),
            timeout=httpx.Timeout(
                settings.provider_call_timeout_s,
                connect=settings.provider_connect_timeout_s,
                pool=settings.provider_call_timeout_s,
            ),
            follow_redirects=False,  # a redirect would carry the credentials elsewhere
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # one account's session is not another's
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()

    def get_last_answer_at(self, provider: str, account: str) -> float | None:
        """When this account last answered anything but a server error (monotonic seconds); None if never."""
        return self._answered_at.get(f"{provider}:{account}")

    async def pause(self, route: Route, seconds: float) -> None:
        """Nobody calls what the route is counted by for so long: an answer has told that a limit is near."""
        await self._budget.close(route.account_key, seconds)

    async def call(
        self,
        route: Route,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes | None = None,
        priority: Priority = "live",
        also: Collection[int] = (),
        judge: Judge | None = None,
    ) -> Answer:
        """The answer, if its status is 2xx or one of `also` (below 500).

        `judge` is asked about every other one; what it gives is raised in place of what the status says. Raises
        ThrottledError, CredentialsRefusedError, ObjectNotFoundError, ObjectFailedError, ProviderTimeoutError or
        ProviderUnavailableError.
        """
        breaker = self._get_breaker(route.account_key)
        end = "canceled"
        try:
            _check(route, breaker.find_open_s())
            if priority == "batch":
                await self._turns.wait(route.account_key, lambda: self._budget.take(route.account_key, "batch"))
            # Behind the wait: whoever tries an account first after a failure must do it at once.
            _check(route, breaker.find_wait_s())
            if priority == "live":
                await self._budget.take(route.account_key, "live")
            answer = await self._send(route, method, url, headers, content)
            end = str(answer.status)
            await self._judge(route, answer, breaker, also, judge)
        except _BreakerOpenError:
            end = "breaker_open"
            raise
        except ProviderError as error:
            end = str(error.status or error.code)
            if isinstance(error, ProviderTimeoutError | ProviderUnavailableError) and not error.status:
                self._note_failure(route, breaker)
            raise
        finally:
            CALLS.labels(route.provider, route.name, end).inc()
        return answer

    async def _send(
        self, route: Route, method: str, url: str, headers: Mapping[str, str], content: bytes | None
    ) -> Answer:
        """Sends and reads within the time for the whole call, at most so many bytes."""
        count = CALL_COUNT.get()
        if count is not None:
            count.calls += 1
        try:
            with CALL_SECONDS.labels(route.provider, route.name).time():
                return await self._exchange(route, method, url, headers, content)
        except (httpx.ConnectTimeout, httpx.ConnectError) as error:
            raise ProviderUnavailableError(f"{_name(route)}: no connection ({type(error).__name__})") from None
        except (TimeoutError, httpx.TimeoutException):
            raise ProviderTimeoutError(f"{_name(route)}: no answer within {self._call_timeout_s:g} s") from None
        except httpx.DecodingError:
            raise ObjectFailedError(f"{_name(route)}: the answer's encoding is broken", status=200) from None
        except httpx.HTTPError as error:
            raise ProviderUnavailableError(f"{_name(route)}: connection lost ({type(error).__name__})") from None

    async def _exchange(
        self, route: Route, method: str, url: str, headers: Mapping[str, str], content: bytes | None
    ) -> Answer:
        async with (
            asyncio.timeout(self._call_timeout_s),
            self._http.stream(method, url, headers=headers, content=content) as response,
        ):
            return Answer(response.status_code, response.headers, await self._read(route, response))

    async def _read(self, route: Route, response: httpx.Response) -> bytes:
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.aiter_bytes():
            size += len(chunk)
            if size > self._bytes_max:
                raise ObjectFailedError(f"{_name(route)}: answer over {self._bytes_max} bytes", status=200)
            chunks.append(chunk)
        count = CALL_COUNT.get()
        if count is not None:
            count.read_bytes += size
        return b"".join(chunks)

    async def _judge(
        self, route: Route, answer: Answer, breaker: Breaker, also: Collection[int], judge: Judge | None
    ) -> None:
        """Notes what the answer tells about the account; raises for every status but 2xx and `also`."""
        told = judge(answer) if judge and not 200 <= answer.status < 300 and answer.status not in also else None
        if told is not None:
            # Whoever says so much is there, whatever the status.
            breaker.note_answer()
            self._answered_at.put(route.account_key, time.monotonic())
            if isinstance(told, ThrottledError):
                told.retry_after_s = route.throttle_s if told.retry_after_s is None else told.retry_after_s
                await self._budget.close(route.account_key, told.retry_after_s)
            raise told
        if answer.status >= 500:
            self._note_failure(route, breaker)
            answered_at = self._answered_at.get(route.account_key)
            has_evidence = answered_at is not None and time.monotonic() - answered_at < _EVIDENCE_S
            raise classify_refusal(
                _name(route),
                answer.status,
                read_retry_after_s(answer.headers),
                is_account_failing=breaker.is_failing or (answer.status != 500 and not has_evidence),
            )
        breaker.note_answer()
        self._answered_at.put(route.account_key, time.monotonic())
        if 200 <= answer.status < 300 or answer.status in also:
            return
        retry_after_s = read_retry_after_s(answer.headers)
        if answer.status == 429:
            retry_after_s = retry_after_s if retry_after_s is not None else route.throttle_s
            await self._budget.close(route.account_key, retry_after_s)
        raise classify_refusal(_name(route), answer.status, retry_after_s, is_account_failing=False)

    def _get_breaker(self, account_key: str) -> Breaker:
        held = self._breakers.get(account_key)
        return held or self._breakers.put(account_key, Breaker(self._breaker_failures, self._breaker_open_s))

    def _note_failure(self, route: Route, breaker: Breaker) -> None:
        if breaker.note_failure():
            _log.warning("provider.breaker_opened", provider=route.provider, account=route.account, route=route.name)


def _make_session(connections: int) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=connections, keepalive_timeout=_KEEPALIVE_S, ssl=httpx.create_ssl_context())
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


class _BreakerOpenError(ProviderUnavailableError):
    """No call was made, so it says nothing about the account."""


def _check(route: Route, open_s: float) -> None:
    if open_s > 0:
        raise _BreakerOpenError(f"{_name(route)}: the breaker is open", retry_after_s=open_s)


def _name(route: Route) -> str:
    return f"{route.provider} {route.name} of {route.account}"
