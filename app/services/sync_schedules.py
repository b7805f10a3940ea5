"""Syncs that begin by themselves: each integration's next moment, and starting what is due, exactly once.

Any number of syncers look every few seconds. What each integration is reckoned from (its frequency, its tenant's time
zone) stands beside its moment: where that has changed, it is reckoned anew. A moment that passed while the integration
was paused, its credentials refused, its tenant not served or no syncer up stays due, and begins once when it can.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from app.connectors.frequency import parse_frequency
from app.connectors.registry import list_connectors
from app.core.logging import get_logger
from app.core.settings import Settings
from app.services.first_syncs import BY_SCHEDULE, divide_streams, leave_out_active, request_first_sync
from app.services.schedule_times import find_next_moment, find_shift, load_zone
from app.services.sync_requests import SyncRequest, list_syncable_streams, request_sync
from app.services.tenant_settings import DEFAULTS
from db.integrations import Integration, find_integration
from db.pool import Database
from db.sync_schedules import (
    SyncSchedule,
    Unreckoned,
    drop_schedules,
    list_due,
    list_unreckoned,
    save_schedules,
    take_due,
)
from db.tenants import Tenant

DEFAULT_FREQUENCY = "hourly"
RECKONED_MAX = 1_000  # integrations reckoned by one look; the next look goes on

log = get_logger()


async def start_due_syncs(database: Database, settings: Settings, now: datetime) -> int:
    """Starts every sync that is due and moves its schedule on, in one transaction each; how many were started here.

    One that fails is logged and tried again at the next look, and keeps no other from its turn.
    """
    await _reckon(database, settings, now)
    started = 0
    for due in await list_due(database, now, settings.sync_starts_max):
        try:
            started += await _start(database, settings, due, now)
        except Exception as error:
            log.exception("sync.not_started", tenant_id=due.tenant_id, integration_id=due.integration_id,
                          error=type(error).__name__)  # fmt: skip
    return started


def find_next_sync(
    tenant: Tenant, integration: Integration, schedule: SyncSchedule | None, settings: Settings, now: datetime
) -> datetime | None:
    """When a sync of it begins by itself: a moment that has passed is overdue. None while none will."""
    is_served = tenant.status == "active" and integration.status == "active" and integration.has_credentials
    if not is_served or not integration.auto_sync or not list_syncable_streams(integration.connector):
        return None
    zone = find_time_zone(tenant.settings)
    if schedule is not None and (schedule.frequency, schedule.time_zone) == (integration.sync_frequency, zone):
        return schedule.next_sync_at
    wanted = Unreckoned(integration.tenant_id, integration.integration_id, integration.sync_frequency, zone)
    return reckon_next_sync(wanted, settings, now)


def reckon_next_sync(integration: Unreckoned, settings: Settings, now: datetime) -> datetime:
    """The first moment behind `now`, in UTC: what the schedule says, and the integration's own shift."""
    tenant_id, integration_id, frequency, time_zone = integration
    try:
        schedule = parse_frequency(frequency)
    except ValueError:
        log.error("sync.frequency_unreadable", tenant_id=tenant_id, integration_id=integration_id)
        schedule = parse_frequency(DEFAULT_FREQUENCY)
    shift = find_shift(tenant_id, integration_id, find_jitter_s(frequency, settings))
    return find_next_moment(schedule, load_zone(time_zone), now.astimezone(UTC) - shift) + shift


def find_jitter_s(frequency: str, settings: Settings) -> int:
    """Over how many seconds the syncs of this frequency are spread: whoever writes a cron expression means its time."""
    if frequency == "hourly":
        return settings.sync_jitter_hourly_s
    return settings.sync_jitter_daily_s if frequency in {"daily", "weekly"} else settings.sync_jitter_cron_s


def find_time_zone(settings: Mapping[str, Any]) -> str:
    """The name of a tenant's time zone."""
    return str(settings.get("timezone") or DEFAULTS["timezone"])


async def _reckon(database: Database, settings: Settings, now: datetime) -> None:
    await drop_schedules(database)
    connectors = [name for name in list_connectors() if list_syncable_streams(name)]
    found = await list_unreckoned(database, connectors, DEFAULTS["timezone"], RECKONED_MAX)
    await save_schedules(
        database,
        [
            SyncSchedule(one.tenant_id, one.integration_id, reckon_next_sync(one, settings, now), *one[2:])
            for one in found
        ],
    )


async def _start(database: Database, settings: Settings, due: SyncSchedule, now: datetime) -> bool:
    """False when somebody else has started it, or it must wait after all."""
    following = reckon_next_sync(Unreckoned(due.tenant_id, due.integration_id, *due[3:]), settings, now)
    async with database.tenant_tx(due.tenant_id, "start_sync") as connection:
        integration = await find_integration(connection, due.tenant_id, due.integration_id)
        if integration is None or integration.status != "active" or not integration.auto_sync:
            return False
        if not await take_due(connection, due, following):
            return False
        await _request(connection, integration, now - timedelta(hours=settings.sync_full_retry_h))
    log.info("sync.due", tenant_id=due.tenant_id, integration_id=due.integration_id,
             late_s=round((now - due.next_sync_at) / timedelta(seconds=1)), next=following.isoformat())  # fmt: skip
    return True


async def _request(connection: asyncpg.Connection, integration: Integration, rests_since: datetime) -> None:
    """Changes of what was listed whole before, and all of what never was: but where that failed, a missing permission
    must not begin it every hour. What goes on already is not asked for again: what it has not read yet it reads as it
    is then."""
    await request_first_sync(connection, integration, BY_SCHEDULE, rests_since)
    _, whole = await divide_streams(connection, integration)
    wanted = await leave_out_active(connection, integration, "incremental", whole)
    if wanted:
        request = SyncRequest("incremental", "schedule", BY_SCHEDULE, streams=wanted)
        await request_sync(connection, integration, request)
