"""One event's whole life, in every state that it can have: driven by a real worker, against a store at the sandbox."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.connectors.vtex.probe import PROBE_STATE
from app.core.errors import NotFoundError
from app.core.settings import Settings
from app.services import attempts
from app.services.attempts import AttemptNotes, read_attempts
from app.services.audit import Actor
from app.services.dead_letters import replay_letter
from app.services.enqueue import enqueue_pointers
from app.services.event_life import get_life
from app.services.ids import write_record_id
from app.services.office import Office, open_office
from db.tenants import Tenant, find_tenant
from db.versions import Key
from schemas.event_life import EventLife
from schemas.ids import make_uuid7
from schemas.ledger import NewPointers
from tests.integration.workers.works import ACME, GLOBEX, VTEX, Order, Works, until

CLI = Actor("cli", "test")


@pytest.fixture
async def office(works: Works, make_settings: Callable[..., Settings]) -> AsyncIterator[Office]:
    """The web process's way to the same servers."""
    async with AsyncExitStack() as resources:
        yield await open_office(make_settings("web"), resources, application_name="test web")


async def find_brand(office: Office, tenant_id: int) -> Tenant:
    async with office.database.tenant_tx(tenant_id, "test") as connection:
        tenant = await find_tenant(connection, tenant_id)
    assert tenant is not None
    return tenant


async def look(office: Office, event_id: str, tenant_id: int = ACME) -> EventLife:
    return await get_life(office, await find_brand(office, tenant_id), UUID(event_id))


async def set_status(works: Works, status: str) -> None:
    await works.superuser.execute(
        "UPDATE tenant_integrations SET status = $3 WHERE tenant_id = $1 AND integration_id = $2", ACME, VTEX, status
    )


async def test_an_event_waits_for_its_turn_and_is_applied_to_a_record(works: Works, office: Office) -> None:
    order = await works.change_order()
    [event_id] = await works.append(works.hint(order))
    waiting = await look(office, event_id)
    assert (waiting.status, waiting.waits_for, waiting.object_id) == ("waiting", "turn", order.order_id)
    assert (waiting.kind, waiting.state, waiting.integration_type) == ("order", order.state, "vtex")
    with pytest.raises(NotFoundError):
        await look(office, event_id, GLOBEX)
    async with works.worker():
        await works.wait_for([event_id])
    life = await look(office, event_id)
    assert (life.status, life.outcome, life.waits_for, life.attempts) == ("settled", "applied", None, 1)
    assert (life.origin, life.endpoint_kind, life.failed_attempts) == ("call", "order_hook", [])
    key = Key("vtex", works.accounts[ACME], order.order_id)
    assert [(one.id, one.stream) for one in life.records] == [(write_record_id(key), "orders")]
    assert life.settled_at is not None
    assert life.settled_at >= life.received_at
    with pytest.raises(NotFoundError):
        await look(office, event_id, GLOBEX)


async def test_a_customers_event_leads_to_the_profile_that_it_changed(works: Works, office: Office) -> None:
    customer_id = await works.change("customer")
    [event_id] = await works.append(works.hint(customer_id, kind="customer"))
    async with works.worker():
        await works.wait_for([event_id])
    life = await look(office, event_id)
    assert (life.outcome, life.endpoint_kind) == ("applied", "customer_trigger")
    assert [(one.stream, one.external_id) for one in life.records] == [("customers", customer_id)]


async def test_the_older_of_two_is_superseded_and_what_is_told_again_a_duplicate(works: Works, office: Office) -> None:
    first = await works.change_order()
    second = await works.change_order(first.order_id)
    ids = await works.append(works.hint(first), works.hint(second))
    async with works.worker():
        await works.wait_for(ids)
        again = await works.append(works.hint(second))
        await works.wait_for(again)
    assert [(await look(office, one)).outcome for one in (*ids, *again)] == ["superseded", "applied", "duplicate"]


async def test_our_own_test_call_is_ignored_by_a_named_rule(works: Works, office: Office) -> None:
    [event_id] = await works.append(works.hint(Order("acequia-probe-1", PROBE_STATE, datetime.now(UTC))))
    async with works.worker():
        await works.wait_for([event_id])
    life = await look(office, event_id)
    assert (life.outcome, life.reason, life.origin, life.records) == ("ignored", "probe", "probe", [])


async def test_each_failed_attempt_is_told_with_its_reason_status_and_next_try(works: Works, office: Office) -> None:
    failing = await works.change_order()
    await works.break_calls("status", object_id=failing.order_id, status=500)
    [event_id] = await works.append(works.hint(failing))
    async with works.worker(retry_base_s=600, retry_max_s=600):

        async def is_noted() -> bool:
            life = await look(office, event_id)
            return bool(life.failed_attempts) and life.status == "retrying"

        await until(is_noted)
        life = await look(office, event_id)
        assert (life.status, life.waits_for) == ("retrying", "retry")
        [attempt] = life.failed_attempts
        assert (attempt.number, attempt.reason, attempt.status) == (1, "object_failed", 500)
        assert attempt.retry_at is not None
        assert life.retry_at is not None
        assert abs((attempt.retry_at - life.retry_at).total_seconds()) < 10
    assert not await read_attempts(office.cache, GLOBEX, event_id)


async def test_a_dead_event_tells_of_its_attempts_its_letter_and_its_replay(works: Works, office: Office) -> None:
    [event_id] = await works.append(works.hint("1000000000001-01"))
    async with works.worker(tries_max=3):
        await works.wait_for([event_id])
        await works.wait_for_rest()
    life = await look(office, event_id)
    assert (life.outcome, life.reason, life.attempts) == ("dead", "not_found", 3)
    assert [(one.number, one.reason, one.status) for one in life.failed_attempts] == [
        (1, "not_found", 404), (2, "not_found", 404),
    ]  # fmt: skip
    assert life.dead_letter is not None
    fresh = await replay_letter(
        office.database, office.keyring, office.queue, office.settings, tenant_id=ACME, event_id=event_id, actor=CLI
    )
    replay = await look(office, fresh)
    assert (replay.status, replay.origin, replay.replay_of) == ("waiting", "replay", UUID(event_id))
    after = await look(office, event_id)
    assert after.dead_letter is not None
    assert after.dead_letter.replay_event_id == UUID(fresh)


async def test_an_event_of_a_paused_integration_waits_for_it_and_has_failed_in_nothing(
    works: Works, office: Office
) -> None:
    await set_status(works, "paused")
    [event_id] = await works.append(works.hint(await works.change_order()))
    async with works.worker(postpone_s=600, retry_max_s=600):

        async def waits() -> bool:
            return (await look(office, event_id)).waits_for == "integration"

        await until(waits)
    life = await look(office, event_id)
    assert (life.status, life.integration_status, life.failed_attempts) == ("waiting", "paused", [])


async def test_while_the_provider_is_down_events_wait_because_the_tenant_is_held(works: Works, office: Office) -> None:
    await works.break_calls("status", status=503)
    [event_id] = await works.append(works.hint(await works.change_order()))
    async with works.worker(hold_min_s=30, hold_max_s=60):

        async def is_held() -> bool:
            return (await look(office, event_id)).hold_reason is not None

        await until(is_held)
    life = await look(office, event_id)
    assert (life.status, life.waits_for, life.hold_reason) == ("waiting", "hold", "provider_unavailable")
    assert life.held_until is not None
    assert life.failed_attempts == []


async def test_what_a_person_asked_for_is_told_from_a_call(works: Works, office: Office) -> None:
    order = await works.change_order()
    pointers = NewPointers(stream="orders", external_ids=[order.order_id])
    [pointer] = await enqueue_pointers(office, await find_brand(office, ACME), VTEX, pointers, actor=CLI)
    life = await look(office, str(pointer.event_id))
    assert (life.origin, life.endpoint_kind, life.waits_for) == ("request", None, "turn")


async def test_notes_of_attempts_are_bounded_in_events_and_in_each_event(works: Works, office: Office) -> None:
    notes = AttemptNotes(office.cache, works.settings(attempts_events_max=3, tries_max=4))
    ids = [make_uuid7() for _ in range(5)]
    for number in range(1, 7):
        notes.note(ACME, ids[0], number, "not_found", status=404, retry_ms=1_000)
    for event_id in ids[1:]:
        notes.note(ACME, event_id, 1, "not_found", status=None, retry_ms=None)
    await notes.aclose()
    kept = await read_attempts(office.cache, ACME, ids[0])
    assert [one.number for one in kept] == [3, 4, 5, 6]
    assert [len(await read_attempts(office.cache, ACME, one)) for one in ids[1:]] == [1, 1, 0, 0]
    [key] = [key async for key in office.cache.scan_iter(match=f"attempts:{ACME}:*")]
    assert 0 < await office.cache.ttl(key) <= 7 * 86_400


async def test_without_the_cache_nothing_is_noted_and_nothing_fails(
    works: Works, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*words: object) -> None:
        raise OSError("away")

    monkeypatch.setattr(attempts, "send_command", refuse)
    [event_id] = await works.append(works.hint("1000000000001-01"))
    async with works.worker(tries_max=2):
        await works.wait_for([event_id])
    life = await look(office, event_id)
    assert (life.outcome, life.attempts, life.failed_attempts) == ("dead", 2, [])
