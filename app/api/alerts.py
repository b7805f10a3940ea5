"""Alerts and their rules, of a tenant and of the platform."""

from app.api.call import Call
from app.api.operation import Operation, Result, Subject, TenantPlace
from app.api.paging import find_limit
from app.core.errors import ConflictError
from app.services import alert_views
from app.services.permissions import Permission
from db.alert_scope import PLATFORM_ID
from schemas.alerts import Alert, AlertRule, AlertsQuery, AlertWithDeliveries, RuleChange, Snooze
from schemas.api import Envelope, Page

TAG = "alerts"


def find_owner(call: Call) -> int:
    """Whose alerts: a tenant's id, or 0."""
    return call.tenant.tenant_id if call.tenant is not None else PLATFORM_ID


async def get_alerts(call: Call) -> Result:
    query = call.get_query(AlertsQuery)
    page = await alert_views.list_alerts(
        call.office, find_owner(call), query.state, find_limit(call, query), query.cursor
    )
    return Result(page)


async def get_one(call: Call) -> Result:
    return Result(Envelope(data=await alert_views.get_alert(call.office, find_owner(call), call.get_uuid("alert_id"))))


async def post_acknowledgement(call: Call) -> Result:
    shown = await alert_views.acknowledge_alert(
        call.office, find_owner(call), call.get_uuid("alert_id"), actor=call.actor
    )
    return Result(Envelope(data=shown))


async def post_snooze(call: Call) -> Result:
    shown = await alert_views.snooze_alert(
        call.office, find_owner(call), call.get_uuid("alert_id"), call.get_body(Snooze), actor=call.actor
    )
    return Result(Envelope(data=shown))


async def post_unsnooze(call: Call) -> Result:
    shown = await alert_views.unsnooze_alert(call.office, find_owner(call), call.get_uuid("alert_id"), actor=call.actor)
    return Result(Envelope(data=shown))


async def get_rules(call: Call) -> Result:
    return Result(Page(data=await alert_views.list_alert_rules(call.office, find_owner(call))))


async def put_rule(call: Call) -> Result:
    rule = await alert_views.change_alert_rule(
        call.office, find_owner(call), call.get_text("rule"), call.get_body(RuleChange), actor=call.actor
    )
    return Result(Envelope(data=rule))


def choose(permission: Permission, *, is_platform: bool) -> Permission:
    return "platform:admin" if is_platform else permission


def _make(*, is_platform: bool) -> tuple[Operation, ...]:
    prefix = "/platform" if is_platform else "/tenants/{tenant_id:int}"
    word = "platform_" if is_platform else ""
    subject: Subject = "platform" if is_platform else "tenant"
    place: TenantPlace | None = None if is_platform else "path"
    reads, operates, writes = (
        choose(permission, is_platform=is_platform) for permission in ("alerts:read", "alerts:operate", "alerts:write")
    )
    whose = "the platform's own" if is_platform else "a tenant's"
    one = f"{prefix}/alerts/{{alert_id}}"
    return (
        # Before the addresses with an id in the same place.
        Operation(
            f"list_{word}alert_rules", "GET", f"{prefix}/alerts/rules", subject, reads,
            f"What {whose} alerts are opened by, with the thresholds that hold", TAG, get_rules, Page[AlertRule],
            tenant_in=place,
        ),
        Operation(
            f"change_{word}alert_rule", "PUT", f"{prefix}/alerts/rules/{{rule}}", subject, writes,
            "Choose a rule's threshold, or switch it off; it holds from the next minute on", TAG, put_rule,
            Envelope[AlertRule], tenant_in=place, body=RuleChange,
        ),
        Operation(
            f"list_{word}alerts", "GET", f"{prefix}/alerts", subject, reads,
            f"{whose.capitalize()} alerts, newest first", TAG, get_alerts, Page[Alert], tenant_in=place,
            query=AlertsQuery,
        ),
        Operation(
            f"get_{word}alert", "GET", one, subject, reads, "One alert, with what was sent about it", TAG, get_one,
            Envelope[AlertWithDeliveries], tenant_in=place,
        ),
        Operation(
            f"acknowledge_{word}alert", "POST", f"{one}/acknowledge", subject, operates,
            "Somebody looks after it: it is not told again", TAG, post_acknowledgement, Envelope[AlertWithDeliveries],
            tenant_in=place, problems=(ConflictError,), is_harmless_twice=True,
        ),
        Operation(
            f"snooze_{word}alert", "POST", f"{one}/snooze", subject, operates, "No messages about it until then", TAG,
            post_snooze, Envelope[AlertWithDeliveries], tenant_in=place, body=Snooze, problems=(ConflictError,),
            is_harmless_twice=True,
        ),
        Operation(
            f"unsnooze_{word}alert", "POST", f"{one}/unsnooze", subject, operates, "Messages about it go on", TAG,
            post_unsnooze, Envelope[AlertWithDeliveries], tenant_in=place, problems=(ConflictError,),
            is_harmless_twice=True,
        ),
    )  # fmt: skip


OPERATIONS = (*_make(is_platform=False), *_make(is_platform=True))
