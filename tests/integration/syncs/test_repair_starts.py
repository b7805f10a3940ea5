"""Which repairs begin by themselves: what nobody can repair stands before nobody, and what came to nothing rests."""

from datetime import UTC, datetime, timedelta

import pytest

from app.core.settings import Settings
from app.services import sync_repairs
from app.services.sync_repairs import repair_gaps, verify_streams
from db.gaps import GapMark, set_gaps
from tests.integration.db.cast import ACME, GLOBEX
from tests.integration.syncs.conftest import HOUR, MINUTE, VTEX, World

BRAND = 2


@pytest.fixture
def settings(world: World) -> Settings:
    return world.settings.model_copy(update={"sync_repair_delay_s": 0})


async def mark(world: World, tenant_id: int, integration_id: int, stream: str = "orders") -> None:
    async with world.web.tenant_tx(tenant_id, "test") as connection:
        await set_gaps(connection, tenant_id, [GapMark(integration_id, stream, datetime.now(UTC), "memory_lost")])


async def test_a_gap_that_nobody_can_repair_keeps_no_other_from_its_turn(
    world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_repairs, "REPAIRS_PER_TICK", 1)
    await mark(world, ACME, BRAND)
    await world.change_integration(ACME, sealed_credentials=None)
    await mark(world, ACME, VTEX)
    await mark(world, GLOBEX, VTEX)
    assert await repair_gaps(world.syncer, settings) == 1
    [run] = await world.list_runs(GLOBEX)
    assert (run.kind, run.trigger) == ("repair", "repair")
    assert await world.list_runs(ACME) == []


@pytest.mark.parametrize("status", ["failed", "cancelled"])
@pytest.mark.parametrize("because", ["gap", "day"])
async def test_a_repair_that_came_to_nothing_rests_before_it_begins_again(
    world: World, settings: Settings, status: str, because: str
) -> None:
    """Neither a permission that is missing nor a person's decision is another some minutes later."""
    start = repair_gaps if because == "gap" else verify_streams
    if because == "gap":
        await mark(world, ACME, VTEX)
    else:
        await world.note_whole(ACME, "orders")
        settings = settings.model_copy(update={"sync_verify_every_h": 1e-9})
        await world.superuser.execute("UPDATE sync_streams SET full_at = now() - interval '1 day'")
    assert await start(world.syncer, settings) == 1
    ended_at = datetime.now(UTC) - 10 * MINUTE
    await world.end_runs(status, ended_at)
    assert await start(world.syncer, settings) == 0
    await world.end_runs(status, ended_at - settings.sync_repair_retry_h * HOUR)
    assert await start(world.syncer, settings) == 1


async def test_what_a_person_began_and_cancelled_puts_off_no_repair(world: World, settings: Settings) -> None:
    await mark(world, ACME, VTEX)
    assert await repair_gaps(world.syncer, settings) == 1
    await world.superuser.execute("UPDATE sync_runs SET trigger = 'manual'")
    await world.end_runs("cancelled", datetime.now(UTC) - timedelta(seconds=1))
    assert await repair_gaps(world.syncer, settings) == 1
