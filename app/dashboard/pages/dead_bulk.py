"""Replays and discards of many dead letters: how many, what happens, then how far it is."""

from collections.abc import Mapping
from typing import Any, cast

from pydantic import ValidationError

from app.core.errors import FieldProblem, InvalidInputError
from app.dashboard.confirm import confirm
from app.dashboard.page import Go, Page, View
from app.dashboard.pages.dead import BASE, name_integrations
from app.dashboard.visit import Visit
from app.services.actor_names import find_actor_names
from app.services.bulk_operations import cancel_bulk, estimate_bulk, get_bulk, list_bulk, start_bulk
from app.services.office import Place
from schemas.bulk import BulkAction, BulkEstimate, BulkOperation, LetterFilter, NewBulkOperation

OPERATIONS_SHOWN = 50
BULK = f"{BASE}/bulk"


async def show_bulk(visit: Visit) -> View | Go:
    if visit.query("chosen") and not visit.request.query_params.getlist("event_id"):
        query = {name: visit.query(name) for name in ("integration", "reason", "kind", "field", "no_field")}
        return Go(visit.link("dead.group", **query), "dead.none_chosen")
    action, wanted = read_action(visit), read_filter(visit)
    estimate = await estimate_bulk(visit.office, visit.tenant_id, wanted)
    if not estimate.letters:
        return View("dead/nothing.html")
    return confirm(
        visit, title=visit.t(f"dead.{action}_title_many"), says=describe_estimate(visit, action, wanted, estimate),
        can_undo=False, button=visit.t(f"dead.{action}_many", n=estimate.letters), back=visit.link("dead.list"),
        tone="bad" if action == "discard" else "go",
    )  # fmt: skip


async def start(visit: Visit) -> Go:
    new = NewBulkOperation(action=read_action(visit), filter=read_filter(visit))
    operation = await start_bulk(visit.office, visit.get_tenant(), new, actor=visit.actor)
    return Go(visit.link("dead.operation", operation_id=operation.operation_id), "dead.started")


async def show_operations(visit: Visit) -> View:
    page = await list_bulk(visit.office, visit.tenant_id, limit=OPERATIONS_SHOWN, cursor=visit.query("cursor") or None)
    data = {"operations": page.data, "next_cursor": page.next_cursor, "is_first": not visit.query("cursor")}
    return View("dead/operations.html", data)


async def show_operation(visit: Visit) -> View:
    operation = await get_bulk(visit.office, visit.tenant_id, visit.uuid("operation_id"))
    return View(
        "dead/operation.html",
        {
            "operation": operation, "by": await name_requester(visit, operation),
            "integrations": await name_integrations(visit), "query": describe_filter(operation.filter),
        },
    )  # fmt: skip


async def show_cancellation(visit: Visit) -> Go:
    return Go(visit.link("dead.operation", operation_id=visit.uuid("operation_id")))


async def cancel(visit: Visit) -> Go:
    operation_id = visit.uuid("operation_id")
    await cancel_bulk(visit.office, visit.tenant_id, operation_id, actor=visit.actor)
    return Go(visit.link("dead.operation", operation_id=operation_id), "dead.cancel_asked")


async def name_requester(visit: Visit, operation: BulkOperation) -> str:
    """Who asked for it: by name where the visitor may know it."""
    kind, _, actor_id = operation.requested_by.partition(":")
    names = await find_actor_names(
        visit.office, Place("tenant", visit.tenant_id), [(kind, actor_id)], may_see=visit.may("access:read"),
        may_see_all=visit.is_platform_admin,
    )  # fmt: skip
    return names.get((kind, actor_id), operation.requested_by)


def read_action(visit: Visit) -> BulkAction:
    """Raises InvalidInputError for what is none."""
    action = visit.query("action", "replay")
    if action not in {"replay", "discard"}:
        raise InvalidInputError(FieldProblem("/action", "is neither replay nor discard"))
    return cast("BulkAction", action)


def read_filter(visit: Visit) -> LetterFilter:
    """What the address says of the letters that are meant. Raises InvalidInputError."""
    names = {"integration": "integration_id", "reason": "reason", "kind": "kind", "field": "field"}
    told: dict[str, Any] = {form: visit.query(name) for name, form in names.items() if visit.query(name)}
    if visit.query("no_field"):
        told["field"] = ""
    if chosen := visit.request.query_params.getlist("event_id"):
        told = {"event_ids": chosen}
    try:
        return LetterFilter.model_validate(told)
    except ValidationError as error:
        raise InvalidInputError(
            *(FieldProblem(f"/{one['loc'][0]}", one["msg"]) for one in error.errors(include_input=False))
        ) from None


def describe_filter(wanted: LetterFilter) -> Mapping[str, str | None]:
    """The query of the address of the group, of the letters of one cause."""
    return {
        "integration": wanted.integration_id, "reason": wanted.reason, "kind": wanted.kind,
        "field": wanted.field or None, "no_field": "1" if wanted.field == "" else None,
    }  # fmt: skip


def describe_estimate(visit: Visit, action: BulkAction, wanted: LetterFilter, estimate: BulkEstimate) -> list[str]:
    """How many, of what, and what happens, in sentences."""
    count = "dead.takes_at_least" if estimate.is_at_least else "dead.takes"
    says = [visit.t(count, n=estimate.letters)]
    if wanted.reason is not None:
        says.append(visit.t("dead.of_cause", cause=describe_reason(visit, wanted.reason, wanted.field)))
    says.append(visit.t(f"dead.{action}_effect"))
    if action == "replay":
        says.append(visit.t("dead.replay_pace"))
    return says


def describe_reason(visit: Visit, reason: str, field: str | None) -> str:
    key = f"dead.reason.{reason}"
    said = visit.t(key) if visit.texts.has(key) else reason
    return f"{said} ({field})" if field else said


PAGES = (
    Page("dead.bulk", BULK, "tenant", "events:operate", show_bulk, start),
    Page("dead.operations", f"{BASE}/operations", "tenant", "events:read", show_operations),
    Page("dead.operation", f"{BASE}/operations/{{operation_id}}", "tenant", "events:read", show_operation),
    Page("dead.cancel", f"{BASE}/operations/{{operation_id}}/cancel", "tenant", "events:operate", show_cancellation,
         cancel),
)  # fmt: skip
