"""Events that wait for a paused integration: how many may, and that they come back as soon as it is resumed.

A postponed event is looked at again only after a while. So whoever postponed some asks Postgres once a second, in one
statement, whether an integration of theirs is active again, and then calls its events back. Another worker that still
takes it for paused postpones them once more and finds out by itself a moment later.
"""

import asyncio
import time

from app.core.errors import QueueUnavailableError
from app.core.logging import get_logger
from app.core.queue import Queue
from app.core.settings import Settings
from app.services.integrations import LiveIntegrations
from app.services.told_nothing import WAITS_REASON
from db.failures import classify
from db.integrations import list_resumed
from db.pool import Database
from schemas.events import Event
from schemas.ids import read_uuid7_ms
from workers.held import Held

WATCH_INTERVAL_S = 1.0
WATCHED_MAX = 50_000
# Looks at postponed events of one tenant, on average: each costs a read and a deferral for nothing.
LOOKS_PER_S = 1_000
_Place = tuple[int, int]

log = get_logger()


class Waits:
    """One per worker process."""

    def __init__(self, settings: Settings, database: Database, queue: Queue, integrations: LiveIntegrations) -> None:
        self._settings = settings
        self._database = database
        self._queue = queue
        self._integrations = integrations
        self._watched: dict[_Place, None] = {}
        self._waiting: dict[int, int] = {}

    def note(self, tenant_id: int, event: Event) -> None:
        """An event of this integration was postponed."""
        if len(self._watched) < WATCHED_MAX:
            self._watched[tenant_id, event.integration_id] = None

    def compute_delay_ms(self, tenant_id: int) -> int:
        """Until a postponed event is looked at again: the longer, the more there are."""
        waiting = self._waiting.get(tenant_id, 0)
        return int(max(self._settings.postpone_s, waiting / LOOKS_PER_S) * 1000)

    def find_end(self, tenant_id: int, held: Held) -> str | None:
        """Why this event must not wait (any longer) and is a gap; None when it may. Only a pointer can be asked for
        again: what carries its document never ends here."""
        if held.event.form != "hint":
            return None
        is_new = held.entry.entry_id is not None
        if is_new and self._waiting.get(tenant_id, 0) >= self._settings.waiting_events_max:
            return WAITS_REASON
        age_s = time.time() - read_uuid7_ms(held.event.event_id) / 1000
        # Else it would be found too old at its next look, and be taken for a fault of its own.
        next_age_s = age_s + 2 * self.compute_delay_ms(tenant_id) / 1000
        return WAITS_REASON if next_age_s > self._settings.event_wait_max_s else None

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(WATCH_INTERVAL_S)
            if not self._watched:
                continue
            try:
                await self._look()
            except QueueUnavailableError:
                continue
            except Exception as error:
                if classify(error) != "surroundings":
                    log.exception("waits.failed", error=type(error).__name__)

    async def _look(self) -> None:
        depths = await self._queue.depths_of(sorted({tenant_id for tenant_id, _ in self._watched}))
        self._waiting = {tenant_id: depth.retrying for tenant_id, depth in depths.items()}
        for place in await list_resumed(self._database, list(self._watched)):
            tenant_id, integration_id = place
            self._integrations.forget(tenant_id, integration_id)
            del self._watched[place]
            if recalled := await self._queue.recall(tenant_id):
                log.info("events.recalled", tenant_id=tenant_id, integration_id=integration_id, events=recalled)
