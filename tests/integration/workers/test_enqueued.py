"""What the API enqueues, followed by its id to its outcome: a real drain, a store at the sandbox."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from app.core.settings import Settings
from app.services.api_keys import issue_key
from app.services.api_usage import ApiUsage
from app.services.audit import Actor
from app.services.office import Place, open_office
from app.services.permissions import Role
from tests.integration.api.conftest import Cast, read
from tests.integration.workers.works import ACME, GLOBEX, VTEX, Works, until


async def open_cast(works: Works, settings: Settings, resources: AsyncExitStack) -> Cast:
    """The API over the works' databases, with a key of each tenant's admin."""
    office = await open_office(settings, resources, application_name="test web")
    keys: dict[tuple[int, Role], str] = {}
    for tenant_id in (ACME, GLOBEX):
        issued = await issue_key(
            office, Place("tenant", tenant_id), name="admin", role="admin", actor=Actor("cli", "test")
        )
        keys[tenant_id, "admin"] = issued.api_key
    return Cast(office, ApiUsage(office), keys)


async def test_an_enqueued_object_is_followed_to_its_outcome(
    works: Works, make_settings: Callable[..., Settings]
) -> None:
    order = await works.change_order()
    async with AsyncExitStack() as resources:
        settings = make_settings("web", api_rate_caller_per_s=10_000, api_rate_business_per_s=10_000)
        cast = await open_cast(works, settings, resources)
        client = await resources.enter_async_context(cast.client(ACME))

        async def enqueue() -> str:
            body = {"stream": "orders", "external_ids": [order.order_id], "priority": "high"}
            answer = await client.post(f"/tenant-integrations/int_{ACME}_{VTEX}/enqueue", json=body)
            return str(read(answer, 202)["data"][0]["event_id"])

        async def find_settled(event_id: str) -> Any:
            event = read(await client.get(f"/tenants/{ACME}/events/{event_id}"))["data"]
            return event if event["status"] == "settled" else None

        first = await enqueue()
        assert await find_settled(first) is None
        async with works.worker():
            event = await until(lambda: find_settled(first))
            second = await enqueue()
            again = await until(lambda: find_settled(second))
        shown = read(await client.get(f"/tenants/{ACME}/orders", params={"external_id": order.order_id}))["data"]
    assert (event["outcome"], event["object_id"]) == ("applied", order.order_id)
    assert again["outcome"] == "duplicate"
    assert [row["status"] for row in shown] == [order.state]
