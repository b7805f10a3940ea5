"""A look that finds all in order says that a quiet integration is current; anything else says nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.hooks.conftest import FOREIGN, Hooks
from tests.integration.workers.works import ACME, GLOBEX, VTEX

PROBELESS = {"hook_probes": False}


async def read_activity(hooks: Hooks) -> dict[tuple[int, int], datetime]:
    rows = await hooks.works.superuser.fetch("SELECT * FROM integration_activity WHERE writer = 'live'")
    return {(row["tenant_id"], row["integration_id"]): row["last_synced_at"] for row in rows}


async def test_a_quiet_shop_whose_hook_is_in_order_is_current(hooks: Hooks) -> None:
    async with hooks.worker(**PROBELESS) as context:
        for tenant_id in (ACME, GLOBEX):
            await hooks.connect(context, tenant_id)
        before = datetime.now(UTC)
        assert await hooks.turn(context, ACME) == 1
        activity = await read_activity(hooks)
        assert list(activity) == [(ACME, VTEX)], "nobody looked at globex's"
        assert before <= activity[ACME, VTEX] <= datetime.now(UTC)
        await hooks.works.superuser.execute("UPDATE integration_activity SET last_synced_at = now() - interval '1 day'")
        await hooks.turn(context, ACME)
        assert (await read_activity(hooks))[ACME, VTEX] > before


@pytest.mark.parametrize("state", ["gone", "foreign", "gap", "silent", "no_way", "waiting"])
async def test_what_is_not_in_order_is_not_known_to_be_current(hooks: Hooks, state: str) -> None:
    works = hooks.works
    async with hooks.worker(**PROBELESS) as context:
        await hooks.connect(context)
        if state == "gone":
            await hooks.put(None)
        elif state == "foreign":
            await hooks.put(FOREIGN)
        elif state == "gap":
            await works.superuser.execute(f"INSERT INTO gaps VALUES ({ACME}, {VTEX}, 'orders', now(), 'lost')")
        elif state == "silent":
            await hooks.set_watch(silent_since=datetime.now(UTC) - timedelta(hours=1))
        elif state == "no_way":
            await hooks.set_watch(path_problem="Somebody else answers.")
        else:
            await context.queue.pause(ACME)
            await works.append(works.hint("o-1"))
        await hooks.turn(context)
        assert await read_activity(hooks) == {}


async def test_a_gap_of_another_integration_or_of_a_limit_keeps_nothing_from_being_current(hooks: Hooks) -> None:
    async with hooks.worker(**PROBELESS) as context:
        await hooks.connect(context)
        await hooks.works.superuser.execute(
            f"INSERT INTO gaps VALUES ({ACME}, 2, 'orders', now(), 'lost'),"
            f" ({ACME}, {VTEX}, 'customers', now(), 'customer_limit')"
        )
        await hooks.turn(context)
        assert list(await read_activity(hooks)) == [(ACME, VTEX)]
