"""A test event that somebody sends: a real call through PUBLIC_URL, followed by its id from the first moment."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from app.core.errors import ConflictError, NotFoundError, RateLimitedError
from app.core.settings import Settings
from app.services.audit import Actor, list_audit
from app.services.endpoints import create_endpoint
from app.services.ledger import get_event
from app.services.office import Office, open_office
from app.services.test_events import send_test_event
from db.tenants import Tenant, find_tenant
from scripts.stack.installation import read_settings_of
from tests.integration.hooks.conftest import Hooks, get_watchdog
from tests.integration.workers.works import ACME, BRAND, GLOBEX, VTEX, count_calls, until

ANA = Actor("person", "01a20d17-aca5-7762-9001-f6447d2940c7", "req-1")


class Web:
    """What a web process does for acme and globex."""

    def __init__(self, office: Office) -> None:
        self.office = office

    async def find_tenant(self, tenant_id: int) -> Tenant:
        async with self.office.database.tenant_tx(tenant_id, "test") as connection:
            tenant = await find_tenant(connection, tenant_id)
        assert tenant is not None
        return tenant

    async def send(self, integration_id: int = VTEX, tenant_id: int = ACME) -> Any:
        return await send_test_event(self.office, await self.find_tenant(tenant_id), integration_id, actor=ANA)

    def under(self, **settings: object) -> "Web":
        changed: Settings = self.office.settings.model_copy(update=settings)
        return Web(replace(self.office, settings=changed))


@pytest.fixture
async def web(hooks: Hooks) -> AsyncIterator[Web]:
    settings = read_settings_of(
        hooks.works.installation.environment(
            "web", public_url=hooks.public_url, vtex_url_template=f"{hooks.works.sandbox.url}/{{account}}"
        )
    )
    async with AsyncExitStack() as resources:
        yield Web(await open_office(settings, resources, application_name="test web"))


async def test_a_hooks_test_event_comes_all_the_way_and_asks_the_provider_nothing(hooks: Hooks, web: Web) -> None:
    async with hooks.worker() as context:
        await hooks.connect(context)
        calls = count_calls("get_order")
        sent = await web.send()
        assert (sent.kind, sent.outcome, sent.problem) == ("order_hook", "ignored", None)
        assert count_calls("get_order") == calls
        event = await get_event(web.office, ACME, sent.event_id)
        assert (event.status, event.reason) == ("settled", "probe")
        await get_watchdog(context).run_turn()
    assert "came all the way" in str((await hooks.show()).note)
    entry = (await list_audit(web.office.database, ACME, limit=1)).data[0]
    assert (entry.action, entry.object_id, entry.actor_id) == ("integration.test_event_sent", "int_56_1", ANA.id)
    assert entry.details == {"kind": "order_hook", "event_id": str(sent.event_id)}


async def test_a_signed_document_is_sent_where_the_brand_sends_them(hooks: Hooks, web: Web) -> None:
    works = hooks.works
    keys = await works.keys_of(ACME)
    async with hooks.worker() as context:
        await create_endpoint(works.office, works.redis, context.settings, keys, integration_id=BRAND, kind="inline",
                              accounts=["brand"])  # fmt: skip
        sent = await web.send(BRAND)
        assert (sent.kind, sent.outcome) == ("inline", "applied")
        assert (await web.send(BRAND)).outcome in {"applied", "duplicate"}
    assert await works.read_counter("customers") == 0
    assert await works.superuser.fetchval("SELECT count(*) FROM customers") == 1, "one tombstone, however many tests"


async def test_it_is_followed_by_its_tenant_before_it_is_worked_off(
    hooks: Hooks, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.test_events.WAIT_S", 0.05)
    async with hooks.worker() as context:
        await hooks.connect(context)
        await context.queue.pause(ACME)
        sent = await web.send()
        assert (sent.outcome, sent.problem) == (None, None)
        assert (await get_event(web.office, ACME, sent.event_id)).status == "waiting"
        with pytest.raises(NotFoundError):
            await get_event(web.office, GLOBEX, sent.event_id)
        with pytest.raises(NotFoundError):
            await get_event(web.office, ACME, UUID("01a20d17-aca5-7762-9001-f6447d2940c7"))
        await context.queue.resume(ACME)

        async def is_settled() -> bool:
            return (await get_event(web.office, ACME, sent.event_id)).status == "settled"

        await until(is_settled)


async def test_what_keeps_it_from_arriving_is_the_answer(hooks: Hooks, web: Web) -> None:
    async with hooks.worker() as context:
        await hooks.connect(context)
        away = web.under(public_url="http://127.0.0.1:9")
        sent = await away.send()
        assert sent.event_id is None
        assert "cannot be reached from the web process" in str(sent.problem)
        elsewhere = await web.under(public_url=hooks.works.sandbox.url).send()
        assert "Somebody else answers" in str(elsewhere.problem)
        assert "aqe_" not in str([sent, elsewhere]), "no address of ours"
    entries = (await list_audit(web.office.database, ACME, limit=2)).data
    assert [entry.details["event_id"] for entry in entries] == [None, None]


async def test_it_is_refused_where_nothing_can_be_called(hooks: Hooks, web: Web) -> None:
    with pytest.raises(ConflictError, match="no address"):
        await web.send(VTEX)
    with pytest.raises(NotFoundError):
        await web.send(99)
    async with hooks.worker() as context:
        await hooks.connect(context)
        with pytest.raises(ConflictError, match="PUBLIC_URL is not set"):
            await web.under(public_url=None).send()
        await hooks.works.superuser.execute("UPDATE tenants SET status = 'suspended' WHERE tenant_id = $1", ACME)
        with pytest.raises(ConflictError, match="suspended"):
            await web.send()


async def test_only_so_many_a_minute_are_sent_to_one_address(hooks: Hooks, web: Web) -> None:
    async with hooks.worker() as context:
        await hooks.connect(context)
        await hooks.connect(context, GLOBEX)
        few = web.under(test_events_per_minute=1)
        assert (await few.send()).event_id
        with pytest.raises(RateLimitedError) as caught:
            await few.send()
        assert 0 < caught.value.retry_after_s <= 60
        assert (await few.send(VTEX, GLOBEX)).event_id, "one tenant's tests are not another's"
