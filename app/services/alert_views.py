"""Alerts as they are shown, and what somebody does with one: acknowledge, snooze. Tenant id 0: the platform's."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from app.core.errors import ConflictError, FieldProblem, InvalidInputError, NotFoundError
from app.services.alert_channels import describe_owner
from app.services.alert_rules import DEFAULT, RULES, Choices, Rule, check_choice, find_threshold, list_rules
from app.services.alert_texts import Reader, tell
from app.services.alerts import read_choices
from app.services.audit import Actor, write_audit
from app.services.ids import IntegrationId
from app.services.office import Office
from app.services.paging import read_cursor, write_cursor
from db import alerts as db_alerts
from db.alert_channels import ChannelName, list_channel_names
from db.alert_deliveries import DeliveryRow, list_deliveries
from db.alert_scope import alerts_tx
from db.alerts import LAST_ID, AlertRow, ChoiceRow, State
from db.tenants import find_tenant
from schemas.alerts import Alert, AlertDelivery, AlertRule, AlertWithDeliveries, RuleChange, Snooze
from schemas.api import Page

NO_ALERT = "There is no such alert."
SNOOZE_MAX = timedelta(days=90)
DELIVERIES_SHOWN_MAX = 200
_BOTH: tuple[State, ...] = ("open", "closed")


class _Place(NamedTuple):
    before: UUID


async def list_open_alerts(office: Office, tenant_id: int, reader: Reader | None = None) -> list[Alert]:
    """All of a tenant's open ones, the critical first, then the newest. `reader`: in whose language and time zone; the
    tenant's if not said."""
    async with alerts_tx(office.database, tenant_id, "list_open_alerts") as connection:
        rows = await db_alerts.list_open_alerts(connection, tenant_id)
    rows.sort(key=lambda row: row.severity != "critical")
    reader = reader or await find_reader(office, tenant_id)
    return [show_alert(row, reader) for row in rows]


async def list_alerts(  # noqa: PLR0917 - whose, which, how many, from where on, for whom
    office: Office, tenant_id: int, state: State | None, limit: int, cursor: str | None = None,
    reader: Reader | None = None,
) -> Page[Alert]:  # fmt: skip
    """Newest first. Raises InvalidInputError for a cursor that is none."""
    before = read_cursor(cursor, _Place).before if cursor else LAST_ID
    async with alerts_tx(office.database, tenant_id, "list_alerts") as connection:
        rows = await db_alerts.list_alerts(
            connection, tenant_id, (state,) if state else _BOTH, before=before, limit=limit + 1
        )
    reader = reader or await find_reader(office, tenant_id)
    next_cursor = write_cursor(_Place(rows[limit - 1].alert_id)) if len(rows) > limit else None
    return Page(data=[show_alert(row, reader) for row in rows[:limit]], next_cursor=next_cursor)


async def get_alert(
    office: Office, tenant_id: int, alert_id: UUID, reader: Reader | None = None
) -> AlertWithDeliveries:
    """With what was sent about it. Raises NotFoundError."""
    async with alerts_tx(office.database, tenant_id, "get_alert") as connection:
        row = await db_alerts.find_alert(connection, tenant_id, alert_id)
        if row is None:
            raise NotFoundError(NO_ALERT)
        deliveries = await list_deliveries(connection, tenant_id, alert_id, DELIVERIES_SHOWN_MAX)
        wanted = list({one.channel_id for one in deliveries})
        names = {one.channel_id: one for one in await list_channel_names(connection, tenant_id, wanted)}
    shown = show_alert(row, reader or await find_reader(office, tenant_id))
    return AlertWithDeliveries(
        **shown.model_dump(), deliveries=[_show_delivery(one, names.get(one.channel_id)) for one in deliveries]
    )


async def acknowledge_alert(office: Office, tenant_id: int, alert_id: UUID, *, actor: Actor) -> AlertWithDeliveries:
    """No repeats from now on; who did it stands there. Again: nothing changes. Raises NotFoundError, ConflictError for
    a closed one."""
    async with alerts_tx(office.database, tenant_id, "acknowledge_alert") as connection:
        if await db_alerts.acknowledge_alert(connection, tenant_id, alert_id, actor.requester):
            await write_audit(connection, tenant_id or None, actor, "alert.acknowledged", "alert", str(alert_id))
    return await _get_open(office, tenant_id, alert_id)


async def snooze_alert(
    office: Office, tenant_id: int, alert_id: UUID, snooze: Snooze, *, actor: Actor
) -> AlertWithDeliveries:
    """No messages until then. Raises NotFoundError, ConflictError for a closed one, InvalidInputError."""
    now = datetime.now(UTC)
    until = snooze.until or now + timedelta(minutes=snooze.minutes or 0)
    if not now < until <= now + SNOOZE_MAX:
        raise InvalidInputError(
            FieldProblem(
                "/until", f"lies in the past, or more than {SNOOZE_MAX.days} days ahead", "ahead", str(SNOOZE_MAX.days)
            )
        )
    details = {"until": until.isoformat()}
    return await _snooze(office, tenant_id, alert_id, until, actor, "alert.snoozed", details)


async def unsnooze_alert(office: Office, tenant_id: int, alert_id: UUID, *, actor: Actor) -> AlertWithDeliveries:
    """Messages go on. Raises NotFoundError, ConflictError for a closed one."""
    return await _snooze(office, tenant_id, alert_id, None, actor, "alert.unsnoozed", {})


async def list_alert_rules(office: Office, tenant_id: int) -> list[AlertRule]:
    """All of them, as they hold."""
    async with alerts_tx(office.database, tenant_id, "list_rules") as connection:
        choices = read_choices(await db_alerts.list_choices(connection, tenant_id)).get(tenant_id, {})
    return [_show_rule(rule, choices) for rule in list_rules(tenant_id)]


async def change_alert_rule(
    office: Office, tenant_id: int, name: str, change: RuleChange, *, actor: Actor
) -> AlertRule:
    """Holds from the next minute on. Raises NotFoundError for no rule of ours, InvalidInputError."""
    if not any(rule.name == name for rule in list_rules(tenant_id)):
        raise NotFoundError("There is no such rule.")
    rule = check_choice(tenant_id, name, change.threshold)
    choice = ChoiceRow(tenant_id, name, change.is_enabled, change.threshold)
    async with alerts_tx(office.database, tenant_id, "change_rule") as connection:
        await db_alerts.put_choice(connection, choice)
        details = {"is_enabled": change.is_enabled, "threshold": change.threshold}
        await write_audit(connection, tenant_id or None, actor, "alert_rule.changed", "alert_rule", name, details)
    return _show_rule(rule, read_choices([choice])[tenant_id])


async def find_reader(office: Office, tenant_id: int) -> Reader:
    """The tenant's language and time zone, or the platform's."""
    tenant = None
    if tenant_id:
        async with office.database.tenant_tx(tenant_id, "find_reader") as connection:
            tenant = await find_tenant(connection, tenant_id)
    return describe_owner(office.settings, tenant).reader


def show_alert(row: AlertRow, reader: Reader) -> Alert:
    rule = RULES.get(row.rule)  # type: ignore[call-overload]
    said = tell(row, reader)
    columns = row._asdict()
    columns["tenant_id"] = row.tenant_id or None
    columns["integration_id"] = str(IntegrationId(row.tenant_id, row.integration_id)) if row.integration_id else None
    return Alert(
        **columns, unit=rule.unit if rule else None, action=rule.action if rule else None, title=said.title,
        text=said.text, todo=said.todo,
    )  # fmt: skip


async def _get_open(office: Office, tenant_id: int, alert_id: UUID) -> AlertWithDeliveries:
    shown = await get_alert(office, tenant_id, alert_id)
    if shown.state == "closed":
        raise ConflictError("This alert is closed.")
    return shown


async def _snooze(  # noqa: PLR0917 - which, until when, by whom
    office: Office, tenant_id: int, alert_id: UUID, until: datetime | None, actor: Actor, action: str,
    details: Mapping[str, object],
) -> AlertWithDeliveries:  # fmt: skip
    async with alerts_tx(office.database, tenant_id, "snooze_alert") as connection:
        if await db_alerts.snooze_alert(connection, tenant_id, alert_id, until):
            await write_audit(connection, tenant_id or None, actor, action, "alert", str(alert_id), details)
    return await _get_open(office, tenant_id, alert_id)


def _show_delivery(row: DeliveryRow, channel: ChannelName | None) -> AlertDelivery:
    return AlertDelivery(
        delivery_id=row.delivery_id, occasion=row.occasion, channel_id=row.channel_id,
        channel_kind=channel.kind if channel else None, channel_name=channel.name if channel else None,
        state=row.state, tries=row.tries, created_at=row.created_at,
        due_at=row.due_at if row.state == "waiting" else None, settled_at=row.settled_at, failure=row.last_failure,
    )  # fmt: skip


def _show_rule(rule: Rule, choices: Choices) -> AlertRule:
    threshold = find_threshold(rule, choices)
    has_bounds = rule.threshold is not None
    return AlertRule(
        rule=rule.name, about=rule.about, severity=rule.severity, unit=rule.unit,
        is_enabled=choices.get(rule.name, DEFAULT).is_enabled, threshold=threshold, default_threshold=rule.threshold,
        threshold_min=rule.threshold_min if has_bounds else None,
        threshold_max=rule.threshold_max if has_bounds else None,
        closes_at=None if threshold is None else round(threshold * rule.closes_at, 2), action=rule.action,
    )  # fmt: skip
