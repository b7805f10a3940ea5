"""What all steps of one syncer process share."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from redis.exceptions import RedisError

from app.connectors.listing import StreamReader
from app.connectors.tools import ReportReader
from app.core.errors import QueueUnavailableError
from app.core.processes import Heartbeat, WorkLog
from app.core.queue import Queue
from app.core.queue_runner import send_command
from app.core.settings import Settings
from app.services.integrations import LiveIntegrations
from app.services.keyring import Keyring
from app.services.live_tenants import LiveTenants
from db.pool import Database
from schemas.records import RecordStream, ReportStream


@dataclass(slots=True)
class SyncContext:
    """Pools and clients built by workers.syncer. `readers`, `report_readers`: connector → stream → reader."""

    settings: Settings
    database: Database
    keyring: Keyring
    queue: Queue
    integrations: LiveIntegrations
    tenants: LiveTenants
    readers: Mapping[str, Mapping[RecordStream, StreamReader]]
    report_readers: Mapping[str, Mapping[ReportStream, ReportReader]]
    heartbeat: Heartbeat | None = None
    work: WorkLog = field(default_factory=WorkLog)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    chance: random.Random = field(default_factory=random.Random)

    async def read_time(self) -> datetime:
        """The queue server's time, by which live observations are ordered too. Raises QueueUnavailableError."""
        try:
            seconds, micros = await send_command(self.queue.redis, "TIME")
        except (RedisError, OSError) as error:
            raise QueueUnavailableError(f"Redis does not tell the time ({type(error).__name__}).") from None
        return datetime.fromtimestamp(int(seconds) + int(micros) / 1_000_000, UTC)
