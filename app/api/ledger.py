"""Events, dead letters and gaps of a tenant, and objects put into the queue by hand."""

from app.api.call import Call
from app.api.operation import Operation, Result
from app.api.paging import find_limit
from app.core.errors import (
    ConflictError,
    DurabilityError,
    KeystoreUnavailableError,
    QueueFullError,
    QueueUnavailableError,
)
from app.services import dead_letters, ledger
from app.services.dead_letters import DeadLetterGoneError, DeadLetterNotFoundError, DeadLetterUnreadableError
from app.services.enqueue import enqueue_pointers
from app.services.event_life import get_life
from app.services.ids import read_integration_id
from app.services.refused_calls import NOBODY, list_refused
from app.services.test_events import send_test_event
from schemas.api import Envelope, Page
from schemas.event_life import EventLife
from schemas.ledger import (
    DeadLetterShown,
    DeadLettersQuery,
    EventDetail,
    EventShown,
    EventsQuery,
    GapShown,
    NewPointers,
    Pointer,
    Replay,
    SentEvent,
)
from schemas.refused_calls import RefusedCalls

TAG = "events"
_SHORT = "A page may hold fewer rows than `limit`, even none, while there are more: `next_cursor` says so."
_APPEND = (DurabilityError, QueueUnavailableError, KeystoreUnavailableError)


async def get_events(call: Call) -> Result:
    query = call.get_query(EventsQuery)
    return Result(await ledger.list_events(call.office, call.tenant_id, query, find_limit(call, query)))


async def get_event(call: Call) -> Result:
    return Result(Envelope(data=await ledger.get_event(call.office, call.tenant_id, call.get_uuid("event_id"))))


async def get_event_life(call: Call) -> Result:
    return Result(Envelope(data=await get_life(call.office, call.get_tenant(), call.get_uuid("event_id"))))


async def get_refused_calls(call: Call) -> Result:
    return Result(Envelope(data=await list_refused(call.office, call.tenant_id)))


async def get_unknown_calls(call: Call) -> Result:
    return Result(Envelope(data=await list_refused(call.office, NOBODY)))


async def get_dead_letters(call: Call) -> Result:
    query = call.get_query(DeadLettersQuery)
    return Result(await ledger.list_letters(call.office, call.tenant_id, query, find_limit(call, query)))


async def get_dead_letter(call: Call) -> Result:
    return Result(Envelope(data=await _show_letter(call)))


async def post_replay(call: Call) -> Result:
    office, event_id = call.office, str(call.get_uuid("dead_letter_id"))
    fresh = await dead_letters.replay_letter(
        office.database, office.keyring, office.queue, office.settings, tenant_id=call.tenant_id, event_id=event_id,
        actor=call.actor,
    )  # fmt: skip
    replay = Replay.model_validate({"event_id": event_id, "replay_event_id": fresh})
    return Result(Envelope(data=replay), location=f"/tenants/{call.tenant_id}/events/{fresh}", object_id=fresh)


async def post_discard(call: Call) -> Result:
    event_id = str(call.get_uuid("dead_letter_id"))
    await dead_letters.discard_letter(call.office.database, call.tenant_id, event_id, actor=call.actor)
    return Result(Envelope(data=await _show_letter(call)))


async def get_gaps(call: Call) -> Result:
    return Result(Page(data=await ledger.list_tenant_gaps(call.office, call.tenant_id)))


async def post_pointers(call: Call) -> Result:
    integration = read_integration_id(call.get_text("integration_id"))
    pointers = await enqueue_pointers(
        call.office, call.get_tenant(), integration.integration_id, call.get_body(NewPointers), actor=call.actor
    )
    return Result(Page(data=pointers))


async def post_test_event(call: Call) -> Result:
    integration = read_integration_id(call.get_text("integration_id"))
    sent = await send_test_event(call.office, call.get_tenant(), integration.integration_id, actor=call.actor)
    location = None if sent.event_id is None else f"/tenants/{call.tenant_id}/events/{sent.event_id}"
    return Result(
        Envelope(data=sent), location=location, object_id=None if sent.event_id is None else str(sent.event_id)
    )


async def _show_letter(call: Call) -> DeadLetterShown:
    event_id = str(call.get_uuid("dead_letter_id"))
    letter = await dead_letters.get_letter(call.office.database, call.tenant_id, event_id)
    return ledger.show_letter(call.tenant_id, letter)


# Named apart from an event's: it is the same id, of events that have a dead letter.
_LETTER = "/tenants/{tenant_id:int}/dead-letters/{dead_letter_id}"

OPERATIONS = (
    Operation(
        "list_events", "GET", "/tenants/{tenant_id:int}/events", "tenant", "events:read",
        "What became of each accepted event, newest first", TAG, get_events, Page[EventShown], tenant_in="path",
        query=EventsQuery, description=_SHORT,
    ),
    Operation(
        "get_event", "GET", "/tenants/{tenant_id:int}/events/{event_id}", "tenant", "events:read",
        "One event, settled or on its way, with its dead letter", TAG, get_event, Envelope[EventDetail],
        tenant_in="path", problems=(KeystoreUnavailableError,),
        description="An id that `enqueue` or a replay answered is followed here from the first moment.",
    ),
    Operation(
        "get_event_life", "GET", "/tenants/{tenant_id:int}/events/{event_id}/life", "tenant", "events:read",
        "One event's whole life: where it is, what failed, what it changed", TAG, get_event_life, Envelope[EventLife],
        tenant_in="path", problems=(KeystoreUnavailableError,),
    ),
    Operation(
        "list_refused_calls", "GET", "/tenants/{tenant_id:int}/refused-calls", "tenant", "events:read",
        "Calls of webhooks that were refused, with their reasons", TAG, get_refused_calls, Envelope[RefusedCalls],
        tenant_in="path", problems=(QueueUnavailableError,),
    ),
    Operation(
        "list_unknown_calls", "GET", "/platform/refused-calls", "platform", "platform:admin",
        "Calls to addresses that are nobody's", TAG, get_unknown_calls, Envelope[RefusedCalls],
        problems=(QueueUnavailableError,),
    ),
    Operation(
        "list_dead_letters", "GET", "/tenants/{tenant_id:int}/dead-letters", "tenant", "events:read",
        "Events with a fault of their own, newest first", TAG, get_dead_letters, Page[DeadLetterShown],
        tenant_in="path", query=DeadLettersQuery, description=_SHORT,
    ),
    Operation(
        "get_dead_letter", "GET", _LETTER, "tenant", "events:read", "One dead letter, without its body", TAG,
        get_dead_letter, Envelope[DeadLetterShown], tenant_in="path", problems=(DeadLetterNotFoundError,),
    ),
    Operation(
        "replay_dead_letter", "POST", f"{_LETTER}/replay", "tenant", "events:operate",
        "Send it through the queue again, as a fresh event", TAG, post_replay, Envelope[Replay], 202,
        tenant_in="path", problems=(DeadLetterNotFoundError, DeadLetterGoneError, DeadLetterUnreadableError, *_APPEND),
    ),
    Operation(
        "discard_dead_letter", "POST", f"{_LETTER}/discard", "tenant", "events:operate",
        "Give it up: its body is removed, its row stays", TAG, post_discard, Envelope[DeadLetterShown],
        tenant_in="path", problems=(DeadLetterNotFoundError,),
    ),
    Operation(
        "list_gaps", "GET", "/tenants/{tenant_id:int}/gaps", "tenant", "tenants:read",
        "From when on which streams may be incomplete", TAG, get_gaps, Page[GapShown], tenant_in="path",
    ),
    Operation(
        "enqueue_objects", "POST", "/tenant-integrations/{integration_id}/enqueue", "tenant", "integrations:operate",
        "Fetch objects again: pointers into the same queue as webhooks", TAG, post_pointers, Page[Pointer], 202,
        tenant_in="integration", body=NewPointers, problems=(ConflictError, QueueFullError, *_APPEND),
        is_harmless_twice=True, description="An object that has not changed ends as `duplicate`.",
    ),
    Operation(
        "send_test_event", "POST", "/tenant-integrations/{integration_id}/test-event", "tenant",
        "integrations:operate", "One real, signed call of the integration's own address, through PUBLIC_URL", TAG,
        post_test_event, Envelope[SentEvent], tenant_in="integration", problems=(ConflictError,),
        is_harmless_twice=True,
        description="It fetches nothing and shows nowhere but in the ledger: of an order hook as ignored (`probe`). "
        "`problem` says what kept it from arriving.",
    ),
)  # fmt: skip
