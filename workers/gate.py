"""Stops all claims of this process while Postgres is away: an outage costs one probe and not a claim a tenant."""

import asyncio

from app.core.logging import get_logger
from db.failures import classify
from db.pool import Database

PROBE_INTERVAL_S = 0.5

log = get_logger()


class DatabaseGate:
    """Open while Postgres is believed to answer. Whoever sees it fail closes it; a probe opens it again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open = asyncio.Event()
        self._open.set()

    @property
    def is_open(self) -> bool:
        return self._open.is_set()

    def close(self, reason: str) -> None:
        if self._open.is_set():
            self._open.clear()
            log.warning("database.away", reason=reason)

    async def wait_open(self) -> None:
        await self._open.wait()

    async def run(self) -> None:
        """Probes while closed, for ever."""
        while True:
            if not self._open.is_set():
                try:
                    await self._database.ping()
                except Exception as error:
                    if classify(error) != "surroundings":
                        log.error("database.probe_failed", error=type(error).__name__)
                else:
                    self._open.set()
                    log.info("database.back")
            await asyncio.sleep(PROBE_INTERVAL_S)
