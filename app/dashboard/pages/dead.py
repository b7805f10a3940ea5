"""Dead letters: what fails in the same way together, and each of them with what may be done about it."""

from app.core.errors import GoneError, NotFoundError
from app.dashboard.confirm import confirm
from app.dashboard.page import Go, Page, View
from app.dashboard.visit import Visit
from app.services.bulk_operations import list_bulk
from app.services.dead_groups import list_group_letters, list_groups
from app.services.dead_letters import discard_letter, find_pointer, get_letter, replay_letter
from app.services.ids import read_integration_id, write_record_id
from app.services.integration_reads import list_integrations
from app.services.ledger import show_letter
from app.services.records import Reader, get_customer, get_order
from db.dead_groups import Cause, generalise_field
from db.versions import Key
from schemas.bulk import DeadGroup
from schemas.events import Event
from schemas.ledger import DeadLetterShown

BASE = "/tenants/{tenant_id:int}/dead-letters"
LETTERS_SHOWN = 50
OPERATIONS_SHOWN = 5


async def show_list(visit: Visit) -> View:
    operations = await list_bulk(visit.office, visit.tenant_id, limit=OPERATIONS_SHOWN)
    return View(
        "dead/list.html",
        {
            "groups": await list_groups(visit.office, visit.tenant_id),
            "operations": operations.data,
            "has_more": operations.next_cursor is not None,
            "integrations": await name_integrations(visit),
            "cause_of": describe_cause,
        },
    )


async def show_group(visit: Visit) -> View:
    cause = read_cause(visit)
    page = await list_group_letters(
        visit.office, visit.tenant_id, cause, limit=LETTERS_SHOWN, cursor=visit.query("cursor") or None
    )
    query = {name: visit.query(name) for name in ("integration", "reason", "kind", "field", "no_field")}
    return View(
        "dead/group.html",
        {
            "cause": cause, "query": query, "letters": page.data, "next_cursor": page.next_cursor,
            "is_first": not visit.query("cursor"), "integrations": await name_integrations(visit),
        },
    )  # fmt: skip


async def show_one(visit: Visit) -> View:
    letter = await get_letter(visit.office.database, visit.tenant_id, str(visit.uuid("event_id")))
    pointer = await find_pointer(visit.office.keyring, visit.tenant_id, letter)
    shown = show_letter(visit.tenant_id, letter)
    return View(
        "dead/show.html",
        {
            "letter": shown, "pointer": pointer, "integrations": await name_integrations(visit),
            "query": describe_letter(shown), "record_id": await find_record_id(visit, pointer),
        },
    )  # fmt: skip


async def show_replay(visit: Visit) -> Go:
    return Go(visit.link("dead.show", event_id=visit.uuid("event_id")))


async def replay(visit: Visit) -> Go:
    office, event_id = visit.office, str(visit.uuid("event_id"))
    await replay_letter(
        office.database, office.keyring, office.queue, office.settings, tenant_id=visit.tenant_id, event_id=event_id,
        actor=visit.actor,
    )  # fmt: skip
    return Go(visit.link("dead.show", event_id=event_id), "dead.replay_begun")


async def show_discard(visit: Visit) -> View:
    event_id = str(visit.uuid("event_id"))
    letter = await get_letter(visit.office.database, visit.tenant_id, event_id)
    return confirm(
        visit, title=visit.t("dead.discard_title"),
        says=[visit.t("dead.discard_says_one", object_id=letter.object_id), visit.t("dead.discard_effect")],
        can_undo=False, button=visit.t("dead.discard"), back=visit.link("dead.show", event_id=event_id),
    )  # fmt: skip


async def discard(visit: Visit) -> Go:
    event_id = str(visit.uuid("event_id"))
    await discard_letter(visit.office.database, visit.tenant_id, event_id, actor=visit.actor)
    return Go(visit.link("dead.show", event_id=event_id), "dead.discarded_one")


async def name_integrations(visit: Visit) -> dict[str, str]:
    """Integration's id → what it is called."""
    return {one.id: one.name or one.id for one in await list_integrations(visit.office, visit.tenant_id)}


def read_cause(visit: Visit) -> Cause:
    """The cause that the address names. Raises NotFoundError for one that names none."""
    reason, kind, integration = visit.query("reason"), visit.query("kind"), visit.query("integration")
    if not reason or kind not in {"order", "customer"}:
        raise NotFoundError("There is no such group of dead letters.")
    integration_id = 0
    if integration:
        found = read_integration_id(integration)
        if found.tenant_id != visit.tenant_id:
            raise NotFoundError("There is no such integration, or none that you may see.")
        integration_id = found.integration_id
    return Cause(integration_id, reason, kind, visit.query("field"))


async def find_record_id(visit: Visit, pointer: Event | None) -> str | None:
    """Of what the event points at, if it is held and the visitor may look at it."""
    if pointer is None or not visit.may("records:read"):
        return None
    record_id = write_record_id(Key(pointer.source, pointer.account, pointer.object_id))
    read = get_order if pointer.kind == "order" else get_customer
    try:
        await read(visit.office, visit.get_tenant(), record_id, Reader(visit.actor, may_reveal=False), reveal=False)
    except (NotFoundError, GoneError):
        return None
    return record_id


def describe_cause(group: DeadGroup) -> dict[str, str | None]:
    """A group as the query of its address. An empty field would be left out of it."""
    return {
        "integration": group.integration_id, "reason": group.reason, "kind": group.kind, "field": group.field,
        "no_field": None if group.field else "1",
    }  # fmt: skip


def describe_letter(letter: DeadLetterShown) -> dict[str, str | None]:
    """The query of the address of its group."""
    return {
        "integration": letter.integration_id, "reason": letter.reason, "kind": letter.kind,
        "field": generalise_field(letter.field) if letter.field else None, "no_field": None if letter.field else "1",
    }  # fmt: skip


PAGES = (
    Page("dead.list", BASE, "tenant", "events:read", show_list),
    Page("dead.group", f"{BASE}/group", "tenant", "events:read", show_group),
)
# Behind the pages of operations, whose addresses have a word where these have an id.
LETTER_PAGES = (
    Page("dead.show", f"{BASE}/{{event_id}}", "tenant", "events:read", show_one),
    Page("dead.replay", f"{BASE}/{{event_id}}/replay", "tenant", "events:operate", show_replay, replay),
    Page("dead.discard", f"{BASE}/{{event_id}}/discard", "tenant", "events:operate", show_discard, discard),
)
