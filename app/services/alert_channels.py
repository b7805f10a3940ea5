"""Channels: who is told of alerts, and where. Their secrets are shown once, where they go is never shown whole."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from app.core.errors import ConflictError, NotFoundError, RateLimitedError
from app.core.rates import Bucket
from app.core.settings import Settings
from app.services.alert_apprise import load_apprise
from app.services.alert_messages import make_test_message
from app.services.alert_rules import check_choice
from app.services.alert_sending import Sender
from app.services.alert_targets import Goal, describe_goal, make_goal, open_goal, seal_goal
from app.services.alert_texts import Reader
from app.services.audit import Actor, write_audit
from app.services.office import Office
from app.services.tenant_settings import DEFAULTS
from db import alert_channels as db_channels
from db.alert_channels import ChannelRow
from db.alert_scope import alerts_tx
from db.tenants import Tenant, find_tenant
from schemas.alerts import Channel, ChannelChange, ChannelTest, IssuedChannel, NewChannel
from schemas.ids import make_uuid7

NO_CHANNEL = "There is no such channel."
_TESTS = Bucket("", 0.1, 50)  # five at once, then one in ten seconds: somebody else's address must not be flooded
_TESTS_OF_ALL = Bucket("", 0.2, 100)  # of one tenant, whose next channel is a new one: twenty, then one in five seconds


class Owner(NamedTuple):
    """Whose alerts. `name` None: the platform's."""

    name: str | None
    reader: Reader


async def list_channels(office: Office, tenant_id: int) -> list[Channel]:
    """In the order made; 0: the platform's."""
    async with alerts_tx(office.database, tenant_id, "list_channels") as connection:
        rows = await db_channels.list_channels(connection, tenant_id)
    keys = await office.keyring.keys_of(tenant_id)
    return [show_channel(office.settings, row, open_goal(keys, row)) for row in rows]


async def get_channel(office: Office, tenant_id: int, channel_id: UUID) -> Channel:
    """Raises NotFoundError."""
    return show_channel(office.settings, *await _get(office, tenant_id, channel_id))


async def create_channel(office: Office, tenant_id: int, wanted: NewChannel, *, actor: Actor) -> IssuedChannel:
    """With its secret, shown this once. Raises InvalidInputError, ConflictError when there are ALERT_CHANNELS_MAX."""
    settings = office.settings
    _check_rules(tenant_id, wanted.rules)
    if wanted.kind == "apprise":
        await load_apprise()
    goal = make_goal(settings, wanted.kind, wanted.to, wanted.url)
    keys, channel_id = await office.keyring.keys_of(tenant_id), UUID(make_uuid7())
    row = ChannelRow(
        tenant_id, channel_id, wanted.kind, wanted.name, seal_goal(keys, channel_id, goal), wanted.min_severity,
        wanted.rules, wanted.is_enabled, datetime.now(UTC), None, None, None, 0,
    )  # fmt: skip
    async with alerts_tx(office.database, tenant_id, "create_channel") as connection:
        await db_channels.lock_channels(connection, tenant_id)
        if len(await db_channels.list_channels(connection, tenant_id)) >= settings.alert_channels_max:
            raise ConflictError(f"There are {settings.alert_channels_max} channels here: delete one first.")
        await db_channels.insert_channel(connection, row)
        await _audit(connection, tenant_id, actor, "created", channel_id, {"kind": wanted.kind})
    return _issue(settings, row, goal)


async def change_channel(
    office: Office, tenant_id: int, channel_id: UUID, change: ChannelChange, *, actor: Actor
) -> Channel:
    """What is not named stays; of a signed webhook the secret too. Raises NotFoundError, InvalidInputError."""
    told = change.model_fields_set
    if "rules" in told:
        _check_rules(tenant_id, change.rules)
    if change.url is not None and (await get_channel(office, tenant_id, channel_id)).kind == "apprise":
        await load_apprise()

    def apply(row: ChannelRow, goal: Goal) -> tuple[ChannelRow, Goal]:
        if change.to is not None or change.url is not None:
            made = make_goal(office.settings, row.kind, change.to, change.url)
            goal = goal._replace(to=made.to, url=made.url)
        changed = row._replace(
            name=change.name or row.name,
            rules=change.rules if "rules" in told else row.rules,
            min_severity=change.min_severity or row.min_severity,
            is_enabled=row.is_enabled if change.is_enabled is None else change.is_enabled,
        )
        return changed, goal

    row, goal = await _change(office, tenant_id, channel_id, apply, actor, "changed", {"fields": sorted(told)})
    return show_channel(office.settings, row, goal)


async def rotate_channel_secret(office: Office, tenant_id: int, channel_id: UUID, *, actor: Actor) -> IssuedChannel:
    """Another secret, shown this once; for a day messages are signed with both. Raises NotFoundError, ConflictError for
    a channel that signs nothing."""

    def apply(row: ChannelRow, goal: Goal) -> tuple[ChannelRow, Goal]:
        if row.kind != "webhook":
            raise ConflictError("Only signed webhooks have a secret.")
        return row, goal.rotate(datetime.now(UTC))

    row, goal = await _change(office, tenant_id, channel_id, apply, actor, "secret_rotated", {})
    return _issue(office.settings, row, goal)


async def delete_channel(office: Office, tenant_id: int, channel_id: UUID, *, actor: Actor) -> Channel:
    """What waits for it is not sent; where it went is forgotten. Raises NotFoundError."""
    row, goal = await _get(office, tenant_id, channel_id)
    async with alerts_tx(office.database, tenant_id, "delete_channel") as connection:
        if not await db_channels.delete_channel(connection, tenant_id, channel_id):
            raise NotFoundError(NO_CHANNEL)
        await _audit(connection, tenant_id, actor, "deleted", channel_id, {})
    return show_channel(office.settings, row._replace(is_enabled=False), goal)


async def send_test(office: Office, tenant_id: int, channel_id: UUID, *, actor: Actor) -> ChannelTest:
    """Sends one message now and says what happened, also for a channel that is switched off. Raises NotFoundError,
    RateLimitedError."""
    row, goal = await _get(office, tenant_id, channel_id)
    buckets = [
        _TESTS._replace(name=f"alert-test:{tenant_id}:{channel_id}"),
        _TESTS_OF_ALL._replace(name=f"alert-tests:{tenant_id}"),
    ]
    decision = await office.limiter.check(buckets)
    if decision.refused_by is not None:
        raise RateLimitedError("Too many tests of this channel at once.", decision.wait_s)
    async with alerts_tx(office.database, tenant_id, "test_channel") as connection:
        await _audit(connection, tenant_id, actor, "tested", channel_id, {})
        tenant = await find_tenant(connection, tenant_id) if tenant_id else None
    owner = describe_owner(office.settings, tenant)
    now, began = datetime.now(UTC), time.monotonic()
    sender = Sender(office.settings)
    try:
        message = make_test_message(tenant_id, row.name, owner.name, owner.reader, now)
        outcome = await sender.send(row.kind, goal, message, make_uuid7())
    finally:
        await sender.aclose()
    async with alerts_tx(office.database, tenant_id, "test_channel") as connection:
        await db_channels.note_channel(connection, tenant_id, channel_id, outcome.failure, datetime.now(UTC))
    took_ms = round(1_000 * (time.monotonic() - began))
    return ChannelTest(is_taken=outcome.failure is None, failure=outcome.failure, took_ms=took_ms)


def describe_owner(settings: Settings, tenant: Tenant | None) -> Owner:
    """In whose language and time zone messages are; the platform's are in ALERT_LANGUAGE and UTC."""
    if tenant is None:
        return Owner(None, Reader(settings.alert_language, ZoneInfo("UTC")))
    told = {name: str(tenant.settings.get(name) or DEFAULTS[name]) for name in ("language", "timezone")}
    return Owner(tenant.name, Reader(told["language"], ZoneInfo(told["timezone"])))


def show_channel(settings: Settings, row: ChannelRow, goal: Goal) -> Channel:
    return Channel(
        channel_id=row.channel_id,
        kind=row.kind,
        name=row.name,
        target=describe_goal(row.kind, goal),
        min_severity=row.min_severity,
        rules=None if row.rules is None else list(row.rules),
        is_enabled=row.is_enabled,
        status=_find_status(settings, row),
        created_at=row.created_at,
        last_ok_at=row.last_ok_at,
        last_failure_at=row.last_failure_at,
        last_failure=row.last_failure,
        failures=row.failures,
        secrets_valid=len(goal.list_valid_secrets(datetime.now(UTC))) if row.kind == "webhook" else None,
    )


def _find_status(settings: Settings, row: ChannelRow) -> str:
    if not row.is_enabled:
        return "off"
    # One that has never worked fails from its first try on.
    if row.failures >= (settings.alert_failures_max if row.last_ok_at else 1):
        return "failing"
    return "working" if row.last_ok_at else "unused"


def _issue(settings: Settings, row: ChannelRow, goal: Goal) -> IssuedChannel:
    shown = show_channel(settings, row, goal)
    return IssuedChannel(**shown.model_dump(), secret=goal.secrets[0] if goal.secrets else None)


async def _get(office: Office, tenant_id: int, channel_id: UUID) -> tuple[ChannelRow, Goal]:
    async with alerts_tx(office.database, tenant_id, "get_channel") as connection:
        row = await db_channels.find_channel(connection, tenant_id, channel_id)
    if row is None:
        raise NotFoundError(NO_CHANNEL)
    return row, open_goal(await office.keyring.keys_of(tenant_id), row)


async def _change(  # noqa: PLR0917 - which one, how, by whom
    office: Office, tenant_id: int, channel_id: UUID, apply: Callable[[ChannelRow, Goal], tuple[ChannelRow, Goal]],
    actor: Actor, what: str, details: dict[str, object],
) -> tuple[ChannelRow, Goal]:  # fmt: skip
    """One after the other: of two changes at once none is lost, nor a secret that somebody was shown."""
    keys = await office.keyring.keys_of(tenant_id)
    async with alerts_tx(office.database, tenant_id, "change_channel") as connection:
        await db_channels.lock_channels(connection, tenant_id)
        row = await db_channels.find_channel(connection, tenant_id, channel_id)
        if row is None:
            raise NotFoundError(NO_CHANNEL)
        before = open_goal(keys, row)
        changed, goal = apply(row, before)
        if goal != before:
            changed = changed._replace(sealed=seal_goal(keys, channel_id, goal))
        await db_channels.change_channel(connection, changed)
        await _audit(connection, tenant_id, actor, what, channel_id, details)
    return changed, goal


async def _audit(  # noqa: PLR0917 - as write_audit
    connection: asyncpg.Connection, tenant_id: int, actor: Actor, what: str, channel_id: UUID,
    details: dict[str, object],
) -> None:  # fmt: skip
    action = f"alert_channel.{what}"
    await write_audit(connection, tenant_id or None, actor, action, "alert_channel", str(channel_id), details)


def _check_rules(tenant_id: int, rules: list[str] | None) -> None:
    for name in rules or ():
        check_choice(tenant_id, name, None)
