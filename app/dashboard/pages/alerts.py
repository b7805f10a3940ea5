"""Alerts: what is open, what was, one with what was sent about it, and the rules by which they open."""

from datetime import UTC, datetime

from app.core.errors import FieldProblem, InvalidInputError
from app.dashboard.inputs import make_model
from app.dashboard.page import Go, Page, Subject, View
from app.dashboard.pages.alert_owner import choose, find_owner, link_to, make_reader, make_view, name_page
from app.dashboard.visit import Visit
from app.services import alert_views
from app.services.alert_channels import list_channels
from app.services.alert_texts import Reader, say, write_figure
from app.services.backups import list_backups
from schemas.alerts import Alert, AlertRule, RuleChange, Snooze

CLOSED_SHOWN = 25
SNOOZES_MIN = (60, 480, 1_440)
_ZONELESS_CHARS = len("2026-11-24T12:00")


async def show_list(visit: Visit) -> View:
    owner, reader = find_owner(visit), make_reader(visit)
    cursor = visit.query("cursor") or None
    closed = await alert_views.list_alerts(visit.office, owner, "closed", CLOSED_SHOWN, cursor, reader)
    channels = await list_channels(visit.office, owner)
    return make_view(
        visit, "list",
        open_alerts=[] if cursor else await alert_views.list_open_alerts(visit.office, owner, reader),
        closed=closed.data, next_cursor=closed.next_cursor, is_first=cursor is None,
        is_nobody_told=not any(channel.is_enabled for channel in channels),
        failing=[channel for channel in channels if channel.status == "failing"],
        backups=await list_backups(visit.office, 10) if visit.tenant is None else [],
        figures=lambda alert: write_figures(alert, reader),
    )  # fmt: skip


async def show_one(visit: Visit) -> View:
    reader = make_reader(visit)
    alert = await alert_views.get_alert(visit.office, find_owner(visit), visit.uuid("alert_id"), reader)
    value, threshold = write_figures(alert, reader)
    return make_view(
        visit, "show", alert=alert, value=value, threshold=threshold, example=alert.details.get("example"),
        action=find_action(visit, alert), snoozes=SNOOZES_MIN, is_own=alert.acknowledged_by == visit.actor.requester,
        is_snoozed=alert.snoozed_until is not None and alert.snoozed_until > visit.now,
    )  # fmt: skip


async def act_on_one(visit: Visit) -> Go:
    owner, alert_id, what = find_owner(visit), visit.uuid("alert_id"), visit.form.get("do")
    back = link_to(visit, "show", alert_id=alert_id)
    if what == "acknowledge":
        await alert_views.acknowledge_alert(visit.office, owner, alert_id, actor=visit.actor)
        return Go(back, "alerts.acknowledged_now")
    if what == "unsnooze":
        await alert_views.unsnooze_alert(visit.office, owner, alert_id, actor=visit.actor)
        return Go(back, "alerts.unsnoozed_now")
    await alert_views.snooze_alert(visit.office, owner, alert_id, read_snooze(visit), actor=visit.actor)
    return Go(back, "alerts.snoozed_now")


async def show_rules(visit: Visit) -> View:
    rules = await alert_views.list_alert_rules(visit.office, find_owner(visit))
    reader = make_reader(visit)
    return make_view(
        visit, "rules", rules=rules, default_of=lambda rule: write_figure(rule.default_threshold, rule.unit, reader),
        closes_of=lambda rule: write_figure(rule.closes_at, rule.unit, reader),
        todo_of=lambda rule: tell_todo(rule, reader),
    )  # fmt: skip


async def change_rule(visit: Visit) -> Go:
    told = visit.form.get("threshold", "").strip()
    try:
        threshold = float(told.replace(",", ".")) if told else None
    except ValueError:
        raise InvalidInputError(FieldProblem("/threshold", "is no number", "int_parsing")) from None
    change = make_model(RuleChange, {"is_enabled": "is_enabled" in visit.form, "threshold": threshold})
    name = visit.form.get("rule", "")
    await alert_views.change_alert_rule(visit.office, find_owner(visit), name, change, actor=visit.actor)
    return Go(link_to(visit, "rules"), "alerts.rule_changed")


def read_snooze(visit: Visit) -> Snooze:
    """For some minutes, or until a moment of the viewer's clock. Raises InvalidInputError."""
    minutes, until = visit.form.get("minutes"), visit.form.get("until", "")
    if minutes:
        return make_model(Snooze, {"minutes": int(minutes) if minutes.isascii() and minutes.isdigit() else minutes})
    try:
        moment = datetime.fromisoformat(until[:_ZONELESS_CHARS]).replace(tzinfo=visit.viewer.zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInputError(FieldProblem("/until", "is no moment", "no_day")) from None
    return make_model(Snooze, {"until": moment})


def write_figures(alert: Alert, reader: Reader) -> tuple[str, str]:
    """Value and threshold, with their unit."""
    return write_figure(alert.value, alert.unit, reader), write_figure(alert.threshold, alert.unit, reader)


def tell_todo(rule: AlertRule, reader: Reader) -> str:
    return say(f"todo.{rule.action}", reader.language)


def find_action(visit: Visit, alert: Alert) -> tuple[str, str] | None:
    """Where what helps is done: the page's address, and the key of its name."""
    about = {"integration_id": alert.integration_id} if alert.integration_id else {}
    name = {
        "check_sync": "syncs.list", "raise_limit": "settings.show", "look_at_dead_letters": "dead.list",
        "renew_credentials": "integrations.show", "check_hook": "integrations.show", "look_at_queue": "tenant.show",
        "extend_trial": "tenant.show",
    }.get(alert.action or "")  # fmt: skip
    if name is None or visit.tenant is None or not visit.has_page(name) or (name == "integrations.show" and not about):
        return None
    href = visit.link(name, **(about if name == "integrations.show" else {}))
    return href, f"alerts.go_{name.partition('.')[0]}"


def _make(*, is_platform: bool) -> tuple[Page, ...]:
    base = "/alerts" if is_platform else "/tenants/{tenant_id:int}/alerts"
    subject: Subject = "platform" if is_platform else "tenant"
    reads = choose("alerts:read", is_platform=is_platform)
    operates = choose("alerts:operate", is_platform=is_platform)
    writes = choose("alerts:write", is_platform=is_platform)

    def name(page: str) -> str:
        return name_page(page, is_platform=is_platform)

    return (
        Page(name("list"), base, subject, reads, show_list),
        Page(name("rules"), f"{base}/rules", subject, reads, show_rules, change_rule, writes),
        Page(name("show"), f"{base}/{{alert_id}}", subject, reads, show_one, act_on_one, operates),
    )


# An alert's page comes last: its id stands where others have a word.
LISTS = (*_make(is_platform=False)[:2], *_make(is_platform=True)[:2])
ONES = (_make(is_platform=False)[2], _make(is_platform=True)[2])
