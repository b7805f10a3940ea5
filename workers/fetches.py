"""The GETs of one slice: started within the tenant's and the process's share, taken as they arrive, detached at the
end of the slice so that a drain never waits for its slowest fetch."""

import asyncio
import time
from collections import deque
from collections.abc import Iterable

from app.core.errors import AcequiaError, CredentialsRefusedError, ObjectNotFoundError
from app.core.logging import get_logger
from app.services.apply import Observation
from app.services.missing_customers import explain_missing
from db.failures import is_server_away
from workers.context import DrainContext
from workers.held import Group, Held, Resolution
from workers.late import LateCommits
from workers.resolve import resolve_group

log = get_logger()


class Fetches:
    """Groups waiting for a GET and groups whose GET is out. `wake` is set when one arrives."""

    def __init__(self, context: DrainContext, late: LateCommits, tenant_id: int, wake: asyncio.Event) -> None:
        self._context = context
        self._late = late
        self._tenant_id = tenant_id
        self._wake = wake
        self._waiting: deque[Group] = deque()
        self._out: set[Group] = set()
        self._finished: list[tuple[Group, Observation | Exception]] = []

    @property
    def is_busy(self) -> bool:
        return bool(self._waiting or self._out or self._finished)

    @property
    def has_finished(self) -> bool:
        return bool(self._finished)

    def list_held(self) -> list[Held]:
        finished = (group for group, _ in self._finished)
        return [held for group in (*self._waiting, *self._out, *finished) for held in group.events]

    def add(self, groups: Iterable[Group]) -> None:
        self._waiting.extend(groups)
        self.start()

    def start(self) -> None:
        """Starts as many as there is room for."""
        context = self._context
        while self._waiting and context.can_fetch(self._tenant_id):
            group = self._waiting.popleft()
            group.started_at = time.monotonic()
            context.in_flight[self._tenant_id] += 1
            self._out.add(group)
            group.task = asyncio.create_task(self._fetch(group))
            group.task.add_done_callback(lambda _: self._count_down())

    def take_resolved(self) -> list[Resolution]:
        """What became of the groups that have arrived since the last call."""
        finished, self._finished = self._finished, []
        self.start()
        return [self._resolve(group, result) for group, result in finished]

    def detach(self) -> list[tuple[Held, int]]:
        """Lets what is out go on by itself. Returns each event with the milliseconds after which it is due again."""
        context = self._context
        now = time.monotonic()
        parked: list[tuple[Held, int]] = []
        for group in self._out:
            group.is_detached = True
            context.quiet.add_share()
            context.detached.add(group)
            left_s = max(0.0, group.started_at + context.settings.provider_call_timeout_s - now)
            parked.extend((held, int(left_s * 1000) + context.settings.park_margin_ms) for held in group.events)
        self._out.clear()
        return parked

    def drop(self) -> list[Held]:
        """Cancels what is out and forgets the rest: all of it is the caller's to refund."""
        held = self.list_held()
        for group in self._out:
            if group.task is not None:
                group.task.cancel()
        self._out.clear()
        self._waiting.clear()
        self._finished.clear()
        return held

    async def _fetch(self, group: Group) -> None:
        result: Observation | Exception
        try:
            result = await self._observe(group)
        except Exception as error:
            result = error
        except asyncio.CancelledError:
            if group.is_detached:
                await self._end_detached(group)
            raise
        if group.is_detached:
            try:
                self._late.take(self._tenant_id, self._resolve(group, result))
            finally:
                await self._end_detached(group)
        elif group in self._out:
            self._out.discard(group)
            self._finished.append((group, result))
            self._wake.set()

    async def _observe(self, group: Group) -> Observation:
        integrations = self._context.integrations
        integration = await integrations.get(self._tenant_id, group.first.integration_id)
        event, context = group.first, self._context
        try:
            observation = await context.observer.fetch(integration, event, group.observed_at)
        except ObjectNotFoundError as error:
            if event.kind != "customer":
                raise
            keys = await context.keyring.keys_of(self._tenant_id)
            observation = await explain_missing(context.database, keys, event, group.observed_at, error)
        except CredentialsRefusedError as error:
            if error.status == 401:
                await integrations.note_refused(integration, error)
            raise
        await integrations.note_accepted(integration)
        return observation

    async def _end_detached(self, group: Group) -> None:
        self._context.detached.discard(group)
        await self._context.quiet.give_share_back()

    def _count_down(self) -> None:
        in_flight = self._context.in_flight
        in_flight[self._tenant_id] -= 1
        if not in_flight[self._tenant_id]:
            del in_flight[self._tenant_id]
        self._wake.set()

    def _resolve(self, group: Group, result: Observation | Exception) -> Resolution:
        if isinstance(result, Exception) and not isinstance(result, AcequiaError):
            if is_server_away(result):
                self._context.gate.close(type(result).__name__)
                return Resolution(held=list(group.events), hold_reason="database_away")
            log.error("fetch.failed", tenant_id=self._tenant_id, error=type(result).__name__, exc_info=result)
        answered_at = self._context.observer.get_last_answer_at(group.first.source, group.first.account)
        has_answered = answered_at is not None and answered_at > group.started_at
        resolution = resolve_group(group, result, self._context.retry_limits, has_account_answered=has_answered)
        resolution.provider_status = getattr(result, "status", None) or None
        resolution.retry_reason = _name_reason(result)
        return resolution


def _name_reason(result: Observation | Exception) -> str:
    if isinstance(result, AcequiaError):
        return result.code
    if isinstance(result, Observation):
        return "behind_hint" if result.is_whole else "parts_missing"
    return "unexpected_error"
