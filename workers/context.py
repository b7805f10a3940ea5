"""What all drains of one worker process share."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

from app.core.latency import LatencyRecorder
from app.core.processes import Heartbeat, WorkLog
from app.core.queue import Queue
from app.core.settings import Settings
from app.services.attempts import AttemptNotes
from app.services.credential_ends import CredentialEnds
from app.services.hook_watchdog import HookWatchdog
from app.services.hooks_protocol import Hooks
from app.services.integrations import LiveIntegrations
from app.services.keyring import Keyring
from app.services.live_tenants import LiveTenants
from app.services.observe import Observer
from db.pool import Database
from workers.gate import DatabaseGate
from workers.held import Group
from workers.owed import OwedCalls
from workers.policy import RetryLimits
from workers.quiet import Quiet
from workers.waits import Waits


@dataclass(slots=True)
class DrainContext:
    """Pools and clients built by workers.main, and the process-wide state of its drains."""

    settings: Settings
    queue: Queue
    database: Database
    keyring: Keyring
    integrations: LiveIntegrations
    tenants: LiveTenants
    observer: Observer
    latency: LatencyRecorder
    gate: DatabaseGate
    waits: Waits
    attempts: AttemptNotes
    hooks: Hooks | None = None
    watchdog: HookWatchdog | None = None
    ends: CredentialEnds | None = None
    heartbeat: Heartbeat | None = None
    work: WorkLog = field(default_factory=WorkLog)
    owed: OwedCalls = field(default_factory=OwedCalls)
    quiet: Quiet = field(default_factory=Quiet)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    in_flight: "Counter[int]" = field(default_factory=Counter)
    active_slices: int = 0
    surroundings_failures: "Counter[int]" = field(default_factory=Counter)
    detached: "set[Group]" = field(default_factory=set)
    chance: random.Random = field(default_factory=random.Random)

    @property
    def retry_limits(self) -> RetryLimits:
        settings = self.settings
        return RetryLimits(settings.tries_max, settings.retry_base_s, settings.retry_max_s)

    def can_fetch(self, tenant_id: int) -> bool:
        settings = self.settings
        return (
            self.in_flight[tenant_id] < settings.fetch_concurrency_per_tenant
            and self.in_flight.total() < settings.fetch_concurrency_per_process
        )
