"""Messages about alerts on their way: those that are due, a few channels at once.

A channel gets one message after the other, and none more in this turn when one failed: it holds up nobody else. A
message is claimed for a time before it is sent, so that a worker that dies in between costs a second message at most,
under the same id.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from app.core.errors import AcequiaError
from app.core.logging import get_logger
from app.core.metrics import ALERT_DELIVERIES
from app.core.settings import Settings
from app.services.alert_channels import Owner, describe_owner
from app.services.alert_messages import Message, make_message
from app.services.alert_sending import Outcome, Sender
from app.services.alert_targets import open_goal
from app.services.keyring import Keyring
from db import alert_channels as db_channels
from db import alert_deliveries as db_deliveries
from db.alert_channels import ChannelRow
from db.alert_deliveries import DeliveryRow
from db.alert_scope import alerts_tx
from db.alerts import AlertRow, find_alert
from db.pool import Database
from db.tenants import Tenant, find_tenant

CHANNELS_PER_TURN = 200
MESSAGES_PER_CHANNEL = 10
TURN_S = 40.0  # within the time that a job has
RETRY_S_MAX = 7_200.0
_SERVED = {"active", "expired"}

log = get_logger()


class Post(NamedTuple):
    """What sending takes."""

    settings: Settings
    database: Database
    keyring: Keyring


class _Work(NamedTuple):
    """A message with what it is made of. `tenant` None: the platform's."""

    delivery: DeliveryRow
    alert: AlertRow | None
    tenant: Tenant | None


async def send_due(post: Post) -> int:
    """How many were sent."""
    async with post.database.platform_tx("list_due_channels") as connection:
        due = await db_deliveries.list_due_channels(connection, datetime.now(UTC), CHANNELS_PER_TURN)
    if not due:
        return 0
    sender = Sender(post.settings)
    try:
        return await _work_off_all(post, sender, due)
    finally:
        await sender.aclose()


async def _work_off_all(post: Post, sender: Sender, due: Sequence[tuple[int, UUID]]) -> int:
    turns = asyncio.Semaphore(post.settings.alert_sends_max)

    async def work_off(tenant_id: int, channel_id: UUID) -> int:
        async with turns:
            try:
                return await _work_off(post, sender, tenant_id, channel_id)
            except Exception as error:  # what one channel or tenant does wrong is not the others'
                log.exception("alerts.channel_failed", tenant_id=tenant_id, channel_id=str(channel_id),
                              error=type(error).__name__)  # fmt: skip
                return 0

    tasks = [asyncio.create_task(work_off(*place)) for place in due]
    done, late = await asyncio.wait(tasks, timeout=TURN_S)
    for task in late:  # what was claimed and not settled is due again after its claim
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    return sum(task.result() for task in done)


async def _work_off(post: Post, sender: Sender, tenant_id: int, channel_id: UUID) -> int:
    async with alerts_tx(post.database, tenant_id, "find_channel") as connection:
        channel = await db_channels.find_channel(connection, tenant_id, channel_id)
        if channel is None or not channel.is_enabled:
            await db_deliveries.drop_deliveries(connection, tenant_id, channel_id, datetime.now(UTC))
            return 0
    sent = 0
    for _ in range(MESSAGES_PER_CHANNEL):
        work = await _claim(post, channel)
        if work is None:
            break
        if not await _send(post, sender, channel, work):
            break
        sent += 1
    return sent


async def _claim(post: Post, channel: ChannelRow) -> _Work | None:
    now = datetime.now(UTC)
    until = now + timedelta(seconds=2 * post.settings.alert_send_timeout_s + TURN_S)
    tenant_id = channel.tenant_id
    async with alerts_tx(post.database, tenant_id, "claim_delivery") as connection:
        delivery = await db_deliveries.claim_delivery(connection, tenant_id, channel.channel_id, now, until)
        if delivery is None:
            return None
        alert = await find_alert(connection, tenant_id, delivery.alert_id)
        return _Work(delivery, alert, await find_tenant(connection, tenant_id) if tenant_id else None)


async def _send(post: Post, sender: Sender, channel: ChannelRow, work: _Work) -> bool:
    """Whether the channel is all right."""
    delivery = work.delivery
    if work.alert is None or (channel.tenant_id and (work.tenant is None or work.tenant.status not in _SERVED)):
        await _settle(post, delivery, "dropped", None)
        return True
    if delivery.tries > post.settings.alert_tries_max:  # workers died while they sent it
        await _settle(post, delivery, "failed", delivery.last_failure)
        return False
    owner = describe_owner(post.settings, work.tenant)
    message = make_delivery_message(post.settings, work.alert, delivery, owner)
    outcome = await _try(post, sender, channel, message, delivery)
    await _note(post, channel, delivery, outcome)
    return outcome.failure is None


async def _try(post: Post, sender: Sender, channel: ChannelRow, message: Message, delivery: DeliveryRow) -> Outcome:
    try:
        goal = open_goal(await post.keyring.keys_of(channel.tenant_id), channel)
    except AcequiaError as error:
        ALERT_DELIVERIES.labels(channel.kind, "failed").inc()
        return Outcome(f"its address cannot be opened ({error.code})", can_retry=error.is_retryable)
    return await sender.send(channel.kind, goal, message, str(delivery.delivery_id))


async def _note(post: Post, channel: ChannelRow, delivery: DeliveryRow, outcome: Outcome) -> None:
    now, settings = datetime.now(UTC), post.settings
    async with alerts_tx(post.database, channel.tenant_id, "note_delivery") as connection:
        await db_channels.note_channel(connection, channel.tenant_id, channel.channel_id, outcome.failure, now)
        if outcome.failure is None:
            await db_deliveries.settle_delivery(connection, delivery, "sent", None, now)
        elif outcome.can_retry and delivery.tries < settings.alert_tries_max:
            pause_s = min(settings.alert_retry_s * 4 ** (delivery.tries - 1), RETRY_S_MAX)
            due_at = now + timedelta(seconds=pause_s)
            await db_deliveries.postpone_delivery(connection, delivery, due_at, outcome.failure)
        else:
            await db_deliveries.settle_delivery(connection, delivery, "failed", outcome.failure, now)
    if outcome.failure is not None:
        log.warning("alerts.not_sent", tenant_id=channel.tenant_id, channel_id=str(channel.channel_id),
                    kind=channel.kind, attempt=delivery.tries, failure=outcome.failure)  # fmt: skip


async def _settle(post: Post, delivery: DeliveryRow, state: db_deliveries.DeliveryState, failure: str | None) -> None:
    async with alerts_tx(post.database, delivery.tenant_id, "settle_delivery") as connection:
        await db_deliveries.settle_delivery(connection, delivery, state, failure, datetime.now(UTC))


def make_delivery_message(settings: Settings, alert: AlertRow, delivery: DeliveryRow, owner: Owner) -> Message:
    """Of an alert as it is now, which for one that was closed meanwhile is not how it was opened: a late message about
    its opening is told without the end."""
    if delivery.occasion != "closed" and alert.state == "closed":
        alert = alert._replace(state="open", closed_at=None, closed_because=None)
    return make_message(alert, delivery.occasion, owner.name, owner.reader, settings.dashboard_url)
