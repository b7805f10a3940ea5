"""The watchdog of providers' hooks: reads them back, sets again what is gone, tries the way to us, notices silence.

VTEX drops a hook that told nothing for three days, and one app key has one hook, which anybody who holds the key may
overwrite. One turn, once a minute in one worker of however many there are:

    1. look what became of the test calls that were sent;
    2. judge hooks that tell nothing although orders change; a silent one is set again, once: all of it within half of a
       turn, since when VTEX itself falls silent, it does so for everybody at once;
    3. take the hooks that are due, the longest overdue first, at most HOOK_CHECKS_PER_MINUTE; each is claimed in
       Postgres, so that no two workers take one;
    4. read each back. Ours: good, and where nothing waits the integration is current (idle.py). Gone, an older one of
       ours, or never set: set, and a gap is marked. Somebody else's: left alone and said; each look marks what it kept
       from us, so that batch brings it;
    5. send a test call through PUBLIC_URL to a hook that stands.

What fails is tried again sooner, and ever later. Calls to VTEX come out of the small budget of what people ask for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from app.core.errors import AcequiaError, CredentialsRefusedError, ProviderError
from app.core.logging import get_logger
from app.core.queue import Queue
from app.core.settings import Settings
from app.services.hook_probes import HookProbes
from app.services.hook_silence import HookSilence
from app.services.hooks import ProviderHooks, find_public_url
from app.services.idle import note_if_idle
from app.services.integrations import LiveIntegration, LiveIntegrations
from app.services.vtex_hooks import HookState, explain_error
from db.hook_watches import Moved, Place, claim_watch, list_due, note_failure
from db.integrations import set_hook_note
from db.pool import Database

CLAIM_S = 300.0
CONCURRENT_MAX = 8
TURN_S = 45.0  # below a job's longest time: what is left is due, and taken by the next turn
RETRY_MIN_S = 60.0
WITH_HOOKS = ("vtex",)
FAILURES_SAID = 3  # in a row, before people are told that a hook cannot be read back

T = TypeVar("T")

log = get_logger()


class HookWatchdog:
    """One per worker process. `hooks`: with the small budget."""

    def __init__(
        self,
        *,
        settings: Settings,
        database: Database,
        hooks: ProviderHooks,
        integrations: LiveIntegrations,
        probes: HookProbes,
        silence: HookSilence,
        queue: Queue,
    ) -> None:
        self._settings = settings
        self._database = database
        self._hooks = hooks
        self._integrations = integrations
        self._probes = probes
        self._silence = silence
        self._queue = queue

    async def run_turn(self) -> int:
        """How many hooks were looked at. Nothing without a PUBLIC_URL: there is no real time then."""
        if find_public_url(self._settings)[0] is None:
            return 0
        now = asyncio.get_running_loop().time()
        for ends_at, do in ((now + TURN_S / 4, self._look_for_probes), (now + TURN_S / 2, self._judge_silent)):
            try:
                await do(ends_at)
            except Exception as error:  # hooks are read back all the same
                level: Any = log.info if isinstance(error, AcequiaError | TimeoutError) else log.exception
                level("hooks.not_judged", error=type(error).__name__)
        due = await list_due(self._database, self._settings.hook_checks_per_minute, WITH_HOOKS)
        return sum(await _do_until(now + TURN_S, self._watch, due))

    async def _look_for_probes(self, ends_at: float) -> None:
        async with asyncio.timeout_at(ends_at):
            await self._probes.look()

    async def _judge_silent(self, ends_at: float) -> None:
        await _do_until(ends_at, self._hear, await self._silence.list_moved())

    async def _hear(self, moved: Moved) -> int:
        try:
            if await self._silence.judge(moved) == "silent":
                await self._hooks.register(*moved.place)
        except Exception as error:  # one hook stops no other
            _tell_failure(moved.place, error)
        return 1

    async def _watch(self, place: Place) -> int:
        async with self._database.tenant_tx(place.tenant_id, "claim_hook") as connection:
            failures = await claim_watch(connection, place, CLAIM_S)
        if failures is None:
            return 0
        try:
            is_good = await self._check(place, failures)
        except Exception as error:  # one hook stops no other
            _tell_failure(place, error)
            is_good = False
        if not is_good:
            wait_s = compute_wait_s(failures, self._settings.hook_check_interval_s)
            async with self._database.tenant_tx(place.tenant_id, "hook_failure") as connection:
                await note_failure(connection, place, failures + 1, wait_s)
        return 1

    async def _check(self, place: Place, failures: int) -> bool:
        """Whether the next look has time."""
        integration = await self._integrations.get(*place)
        try:
            state = await self._hooks.keep(*place)
        except CredentialsRefusedError as error:
            if error.status == 401:
                await self._integrations.note_refused(integration, error)
                return False
            await self._say_unread(place, integration, error)
            return False
        except ProviderError as error:
            if failures + 1 >= FAILURES_SAID:
                await self._say_unread(place, integration, error)
            return False
        if state.was_missing is not None:
            await self._integrations.note_accepted(integration)
        if state.status == "registered" and state.was_missing is False:
            await note_if_idle(self._database, self._queue, place)
        return await self._judge(place, integration, state)

    async def _judge(self, place: Place, integration: LiveIntegration, state: HookState) -> bool:
        if state.was_set:
            log.warning("hooks.set_again", tenant_id=place.tenant_id, integration_id=place.integration_id)
        if state.status == "foreign":
            return True  # until somebody decides there is nothing to hurry for
        if state.status != "registered":
            return False
        if not self._settings.hook_probes:
            return True
        found = await self._hooks.find_target(*place)
        return isinstance(found, HookState) or await self._probes.send(place, integration.account, found[1])

    async def _say_unread(self, place: Place, integration: LiveIntegration, error: ProviderError) -> None:
        """The hook may well stand there: its state stays, and the note says that nobody knows."""
        note = f"VTEX does not let us read the hook back: {explain_error(error, integration.account).note}"
        async with self._database.tenant_tx(place.tenant_id, "hook_note") as connection:
            await set_hook_note(connection, *place, note)
        log.warning("hooks.not_read_back", tenant_id=place.tenant_id, integration_id=place.integration_id, todo=note)


async def _do_until(ends_at: float, do: Callable[[T], Awaitable[int]], things: Iterable[T]) -> list[int]:
    """Some at once; none is begun after `ends_at`: it is found again by the next turn."""
    room, loop = asyncio.Semaphore(CONCURRENT_MAX), asyncio.get_running_loop()

    async def do_one(thing: T) -> int:
        async with room:
            return 0 if loop.time() > ends_at else await do(thing)

    return await asyncio.gather(*map(do_one, things))


def _tell_failure(place: Place, error: Exception) -> None:
    level: Any = log.info if isinstance(error, AcequiaError) else log.exception
    level("hooks.not_watched", tenant_id=place.tenant_id, integration_id=place.integration_id,
          error=type(error).__name__)  # fmt: skip


def compute_wait_s(failures: int, interval_s: float) -> float:
    """A minute, then ever longer, at most as long as between two looks at a good one. `failures`: in a row before."""
    return min(interval_s, RETRY_MIN_S * 2.0 ** min(failures, 16))
