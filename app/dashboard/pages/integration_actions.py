"""What is done with an integration: paused, resumed, tried, its objects fetched, its secrets rotated, deleted."""

from collections.abc import Sequence

from app.connectors.registry import get_connector
from app.core.errors import FieldProblem, InvalidInputError
from app.dashboard.confirm import confirm
from app.dashboard.inputs import make_model
from app.dashboard.page import Go, Page, View
from app.dashboard.pages.integrations import count_waiting, find_real_time, read_integration, show_one, show_with
from app.dashboard.visit import SAID, Visit
from app.services.enqueue import enqueue_pointers
from app.services.integration_admin import delete_integration
from app.services.integration_checks import validate_integration
from app.services.integration_states import (
    pause_integration,
    resume_integration,
    rotate_integration_secret,
)
from app.services.secret_states import retire_integration_secret
from app.services.test_events import send_test_event
from schemas.integrations import HookChoice, Integration
from schemas.ledger import NewPointers, Pointer

ONE = "/tenants/{tenant_id:int}/integrations/{integration_id}"
OBJECTS_MAX = 100  # as the API takes in one call


async def back_to_it(visit: Visit) -> Go:
    """These addresses are for doing something, and are no page."""
    shown, _ = await read_integration(visit)
    return Go(_link(visit, shown))


async def show_pause(visit: Visit) -> View:
    shown, _ = await read_integration(visit)
    says = [visit.t("integrations.pause_means"), visit.t("integrations.pause_limit",
            max=visit.office.settings.waiting_events_max)]  # fmt: skip
    return _confirm(
        visit,
        shown,
        visit.t("integrations.pause_title", name=shown.name),
        says,
        visit.t("integrations.pause_do"),
        can_undo=True,
    )


async def pause(visit: Visit) -> Go:
    _, number = await read_integration(visit)
    shown = await pause_integration(visit.office, visit.tenant_id, number, actor=visit.actor)
    return Go(_link(visit, shown), "integrations.paused", {"name": shown.name})


async def resume(visit: Visit) -> Go:
    _, number = await read_integration(visit)
    shown = await resume_integration(visit.office, visit.tenant_id, number, HookChoice(), actor=visit.actor)
    done = "integrations.resumed_without_hook" if shown.notes else "integrations.resumed"
    return Go(_link(visit, shown), done, {"name": shown.name})


async def show_replace(visit: Visit) -> View:
    shown, _ = await read_integration(visit)
    says = [visit.t("integrations.replace_means"), visit.t("integrations.replace_whose")]
    return _confirm(
        visit,
        shown,
        visit.t("integrations.replace_title", name=shown.name),
        says,
        visit.t("integrations.replace_do"),
        can_undo=False,
    )


async def replace_hook(visit: Visit) -> Go:
    """The hook of somebody else is overwritten, which is audited."""
    _, number = await read_integration(visit)
    choice = HookChoice(replace_foreign_hook=True)
    shown = await resume_integration(visit.office, visit.tenant_id, number, choice, actor=visit.actor)
    is_ours = shown.hook.status == "registered"
    return Go(_link(visit, shown), "integrations.hook_replaced" if is_ours else "integrations.hook_not_replaced")


async def try_credentials(visit: Visit) -> View:
    _, number = await read_integration(visit)
    found = await validate_integration(visit.office, visit.tenant_id, number, actor=visit.actor)
    return await show_with(visit, found)


async def send_test(visit: Visit) -> Go | View:
    """To the event's own page, or to what kept it from arriving."""
    shown, number = await read_integration(visit)
    sent = await send_test_event(visit.office, visit.get_tenant(), number, actor=visit.actor)
    if sent.event_id is None:
        return View("integrations/test_failed.html", {"integration": shown, "sent": sent})
    if visit.has_page("events.show"):
        return Go(visit.link("events.show", event_id=sent.event_id), "integrations.test_sent")
    return Go(_link(visit, shown), "integrations.test_sent")


async def show_rotation(visit: Visit) -> View:
    shown, _ = await read_integration(visit)
    says = [visit.t("integrations.rotate_means"), visit.t("integrations.rotate_until")]
    return _confirm(
        visit,
        shown,
        visit.t("integrations.rotate_title", name=shown.name),
        says,
        visit.t("integrations.rotate_do"),
        can_undo=False,
        tone_is_bad=False,
    )


async def rotate(visit: Visit) -> View:
    """A signing secret is shown this once; a hook's is the provider's to know alone."""
    _, number = await read_integration(visit)
    made = await rotate_integration_secret(visit.office, visit.tenant_id, number, actor=visit.actor)
    return View("integrations/rotated.html", {"integration": made, "addresses": made.addresses, "notes": made.notes})


async def show_retirement(visit: Visit) -> View:
    shown, _ = await read_integration(visit)
    says = [visit.t("integrations.retire_means"), visit.t("integrations.retire_otherwise")]
    return _confirm(
        visit,
        shown,
        visit.t("integrations.retire_title", name=shown.name),
        says,
        visit.t("integrations.retire_do"),
        can_undo=False,
    )


async def retire(visit: Visit) -> Go:
    shown, number = await read_integration(visit)
    await retire_integration_secret(visit.office, visit.tenant_id, number, actor=visit.actor)
    return Go(_link(visit, shown), "integrations.retired")


async def show_fetch(visit: Visit) -> View:
    shown, _ = await read_integration(visit)
    return _render_fetch(visit, shown, ())


async def fetch(visit: Visit) -> View:
    """Objects by id, one a line; each becomes an event that can be followed."""
    shown, number = await read_integration(visit)
    ids = [line.strip() for line in visit.form.get("external_ids", "").splitlines() if line.strip()]
    if not ids or len(ids) > OBJECTS_MAX:
        raise InvalidInputError(
            FieldProblem("/external_ids", visit.t("integrations.fetch_count", max=OBJECTS_MAX), SAID)
        )
    wanted = make_model(
        NewPointers,
        {"stream": visit.form.get("stream"), "external_ids": ids, "priority": visit.form.get("priority") or None},
    )
    pointers = await enqueue_pointers(visit.office, visit.get_tenant(), number, wanted, actor=visit.actor)
    return _render_fetch(visit, shown, pointers)


async def show_deletion(visit: Visit) -> View:
    shown, _ = await read_integration(visit)
    waiting = await count_waiting(visit)
    has_hook = find_real_time(get_connector(shown.type)) == "hook"
    says = [
        visit.t("integrations.delete_goes" if has_hook else "integrations.delete_goes_plain", name=shown.name),
        visit.t("integrations.delete_stays"),
        visit.t("integrations.delete_again"),
    ]
    if waiting:
        says.insert(2, visit.t("integrations.delete_waiting", n=waiting))
    return _confirm(
        visit,
        shown,
        visit.t("integrations.delete_title", name=shown.name),
        says,
        visit.t("integrations.delete_do"),
        can_undo=False,
    )


async def delete(visit: Visit) -> Go:
    shown, number = await read_integration(visit)
    gone = await delete_integration(visit.office, visit.tenant_id, number, actor=visit.actor)
    done = "integrations.deleted_hook_left" if gone.notes else "integrations.deleted"
    return Go(visit.link("integrations.list"), done, {"name": shown.name})


def _link(visit: Visit, shown: Integration) -> str:
    return visit.link("integrations.show", integration_id=shown.id)


def _confirm(
    visit: Visit, shown: Integration, title: str, says: Sequence[str], button: str, *, can_undo: bool,
    tone_is_bad: bool = True,
) -> View:  # fmt: skip
    return confirm(
        visit, title=title, says=says, can_undo=can_undo, button=button, back=_link(visit, shown),
        tone="bad" if tone_is_bad else "go",
    )  # fmt: skip


def _render_fetch(visit: Visit, shown: Integration, pointers: Sequence[Pointer]) -> View:
    streams = [(name, visit.t(f"words.stream_{name}")) for name in get_connector(shown.type).mappers]
    data = {"integration": shown, "pointers": pointers, "max": OBJECTS_MAX, "streams": streams}
    return View("integrations/fetch.html", data)


PAGES = (
    Page("integrations.pause", f"{ONE}/pause", "tenant", "integrations:operate", show_pause, pause),
    Page("integrations.resume", f"{ONE}/resume", "tenant", "integrations:operate", back_to_it, resume),
    Page("integrations.replace_hook", f"{ONE}/replace-hook", "tenant", "integrations:operate", show_replace,
         replace_hook),
    Page("integrations.try", f"{ONE}/try", "tenant", "integrations:operate", show_one, try_credentials),
    Page("integrations.test", f"{ONE}/test-event", "tenant", "integrations:operate", show_one, send_test),
    Page("integrations.fetch", f"{ONE}/fetch", "tenant", "integrations:operate", show_fetch, fetch),
    Page("integrations.rotate", f"{ONE}/rotate-secret", "tenant", "integrations:write", show_rotation, rotate),
    Page("integrations.retire", f"{ONE}/retire-secret", "tenant", "integrations:write", show_retirement, retire),
    Page("integrations.delete", f"{ONE}/delete", "tenant", "integrations:write", show_deletion, delete),
)  # fmt: skip
