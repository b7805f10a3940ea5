"""A hook that stands at VTEX and tells nothing while a batch finds that orders change."""

from datetime import UTC, datetime, timedelta

import pytest

from app.services import hook_watchdog
from app.services.apply import apply_batch
from app.services.hook_silence import Verdict, judge_silence, note_batch_found
from db.counters import Writer
from db.hook_watches import Moved, Place
from tests.integration.db.cast import make_observation, make_order
from tests.integration.hooks.conftest import AN_HOUR, Hooks, get_watchdog
from tests.integration.workers.works import ACME, GLOBEX, VTEX, count_calls
from workers.context import DrainContext

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
PLACE = Place(ACME, VTEX)
A_MINUTE = timedelta(minutes=1)
HOLDS = "VTEX holds our hook and has told of no order since"


@pytest.mark.parametrize(
    ("age_s", "silent_s", "has_waiting", "has_spoken", "verdict"),
    [
        (1_799, None, False, False, "wait"),
        (1_800, None, False, False, "silent"),
        (9_999, None, True, False, "wait"),
        (9_999, None, False, True, "speaks"),
        (9_999, None, True, True, "speaks"),
        (None, 9_999, False, False, "still_silent"),
        (None, 9_999, True, False, "still_silent"),
        (None, 9_999, False, True, "speaks"),
    ],
)
def test_the_judgement(
    age_s: int | None, silent_s: int | None, has_waiting: bool, has_spoken: bool, verdict: Verdict
) -> None:
    moments = (None if seconds is None else NOW - timedelta(seconds=seconds) for seconds in (age_s, silent_s))
    found = judge_silence(Moved(PLACE, *moments), NOW, 1_800, has_waiting=has_waiting, has_spoken=has_spoken)
    assert found == verdict


async def tell(hooks: Hooks, changed_at: datetime, orders: int = 1, tenant_id: int = ACME) -> None:
    """What a batch says in its own transaction."""
    async with hooks.works.database.tenant_tx(tenant_id, "test") as connection:
        await note_batch_found(connection, tenant_id, VTEX, orders, changed_at)


async def bring(context: DrainContext, order_id: str, changed_at: datetime, writer: Writer = "bulk") -> None:
    """A page of a sync, or what a drain fetched."""
    keys = await context.keyring.keys_of(ACME)
    now = datetime.now(UTC)
    order = make_order(order_id, source_updated_at=changed_at)
    observation = make_observation(order)._replace(observed_at=now)
    await apply_batch(context.database, keys, (), [observation], writer=writer, now=now, integration_id=VTEX)


async def stand_since(hooks: Hooks, context: DrainContext, age: timedelta = 2 * AN_HOUR) -> None:
    """A hook that has stood for so long."""
    await hooks.connect(context)
    await hooks.set_watch(good_since=datetime.now(UTC) - age)


async def test_a_silent_hook_is_said_marked_and_set_again_once(hooks: Hooks) -> None:
    async with hooks.worker() as context:
        await stand_since(hooks, context)
        moved = datetime.now(UTC) - AN_HOUR
        await tell(hooks, moved)
        calls = count_calls("post_hook")
        for _ in range(3):
            await get_watchdog(context).run_turn()
            assert count_calls("post_hook") == calls + 1
            assert HOLDS in str((await hooks.show()).note)
            await tell(hooks, datetime.now(UTC) - AN_HOUR)
        assert (await hooks.show()).status == "registered"
        assert await hooks.read_gaps() == {ACME: ("orders", moved, "hook_silent")}
        await hooks.turn(context)
        assert HOLDS in str((await hooks.show()).note), "reading it back says nothing of its silence"

        order = await hooks.works.change_order()
        await hooks.works.wait_for(await hooks.works.append(hooks.works.hint(order)))
        await get_watchdog(context).run_turn()
    assert HOLDS not in str((await hooks.show()).note)
    assert (await hooks.read_watch())["silent_since"] is None


async def test_one_call_since_the_change_is_enough(hooks: Hooks) -> None:
    async with hooks.worker() as context:
        await stand_since(hooks, context)
        moved = datetime.now(UTC)
        order = await hooks.works.change_order()
        await hooks.works.wait_for(await hooks.works.append(hooks.works.hint(order)))
        await tell(hooks, moved)
        await age(hooks, AN_HOUR)
        await get_watchdog(context).run_turn()
        assert (await hooks.read_watch())["moved_at"] is None
    assert HOLDS not in str((await hooks.show()).note)
    assert await hooks.read_gaps() == {}


async def age(hooks: Hooks, by: timedelta) -> None:
    """So much time goes by since the change; what was told since then was told since then."""
    watch = await hooks.read_watch()
    await hooks.set_watch(moved_at=watch["moved_at"] - by)


@pytest.mark.parametrize("told", ["probe", "enqueued", "customer", "globex"])
async def test_what_vtex_did_not_tell_of_an_order_is_no_sign_of_life(hooks: Hooks, told: str) -> None:
    """Our own test call, an order enqueued by hand, a trigger's customer, and another tenant's order."""
    async with hooks.worker() as context:
        await stand_since(hooks, context)
        await tell(hooks, datetime.now(UTC) - AN_HOUR)
        works = hooks.works
        if told == "probe":
            hint = works.hint("acequia-probe-1")._replace(state="acequia-probe")
        elif told == "enqueued":
            hint = works.hint((await works.change_order()).order_id)
        elif told == "customer":
            hint = works.hint(await works.change("customer"), kind="customer")
        else:
            hint = works.hint(await works.change_order(tenant_id=GLOBEX), GLOBEX)
        tenant_id = GLOBEX if told == "globex" else ACME
        await works.wait_for(await works.append(hint, tenant_id=tenant_id), tenant_id)
        await works.wait_for_rest()
        await get_watchdog(context).run_turn()
    assert HOLDS in str((await hooks.show()).note)


async def test_changes_from_before_the_hook_stood_say_nothing_of_it(hooks: Hooks) -> None:
    async with hooks.worker() as context:
        await stand_since(hooks, context)
        await tell(hooks, datetime.now(UTC) - 3 * AN_HOUR)
        await tell(hooks, datetime.now(UTC) - AN_HOUR, orders=0)
        assert (await hooks.read_watch())["moved_at"] is None


async def test_an_order_that_a_sync_brings_first_is_told_by_the_batch_itself(hooks: Hooks) -> None:
    async with hooks.worker() as context:
        await stand_since(hooks, context)
        moved = datetime.now(UTC) - AN_HOUR
        await bring(context, "o-old", datetime.now(UTC) - 48 * AN_HOUR)
        await bring(context, "o-live", moved - A_MINUTE, writer="live")
        assert (await hooks.read_watch())["moved_at"] is None
        await bring(context, "o-new", moved)
        await bring(context, "o-new", moved + A_MINUTE)
        assert (await hooks.read_watch())["moved_at"] == moved
        await get_watchdog(context).run_turn()
    assert HOLDS in str((await hooks.show()).note)


async def test_the_earliest_change_is_judged_however_many_follow(hooks: Hooks) -> None:
    """Else a batch every few minutes would put the judgement off for ever."""
    async with hooks.worker() as context:
        await stand_since(hooks, context)
        first = datetime.now(UTC) - AN_HOUR
        for minutes in (0, 20, 40):
            await tell(hooks, first + timedelta(minutes=minutes))
        assert (await hooks.read_watch())["moved_at"] == first


async def test_a_queue_with_a_backlog_is_waited_for(hooks: Hooks) -> None:
    """What is still in it may be what the hook told."""
    async with hooks.worker(drain_loops=1) as context:
        await stand_since(hooks, context)
        await context.queue.pause(ACME)
        await tell(hooks, datetime.now(UTC) - AN_HOUR)
        order = await hooks.works.change_order()
        ids = await hooks.works.append(hooks.works.hint(order))
        depth = await context.queue.depth(ACME)
        assert depth.waiting
        await hooks.works.redis.zadd(f"t:{ACME}:retry", {"x": 0})  # a retry counts as well, whatever it is
        await get_watchdog(context).run_turn()
        assert (await hooks.read_watch())["silent_since"] is None
        await hooks.works.redis.zrem(f"t:{ACME}:retry", "x")
        await context.queue.resume(ACME)
        await hooks.works.wait_for(ids)
        await get_watchdog(context).run_turn()
        assert (await hooks.read_watch())["moved_at"] is None


async def test_one_hook_that_cannot_be_judged_stops_no_other(hooks: Hooks) -> None:
    superuser = hooks.works.superuser
    async with hooks.worker() as context:
        await stand_since(hooks, context)
        await tell(hooks, datetime.now(UTC) - AN_HOUR)
        await hooks.connect(context, GLOBEX)
        await hooks.put(None, GLOBEX)
        await superuser.execute(f"ALTER TABLE gaps ADD CONSTRAINT broken CHECK (tenant_id <> {ACME}) NOT VALID")
        try:
            assert await hooks.turn(context, GLOBEX) == 1
        finally:
            await superuser.execute("ALTER TABLE gaps DROP CONSTRAINT broken")
        assert await hooks.find(GLOBEX) is not None, "set again"
        assert (await hooks.read_watch())["silent_since"] is None
        await get_watchdog(context).run_turn()
        assert (await hooks.read_watch())["silent_since"] is not None, "the next turn judged it"


async def test_what_a_turn_has_no_time_to_judge_is_judged_and_set_again_by_the_next(
    hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When VTEX itself falls silent it does so for everybody at once, and a turn is not long."""
    async with hooks.worker() as context:
        await stand_since(hooks, context)
        await tell(hooks, datetime.now(UTC) - AN_HOUR)
        calls = count_calls("post_hook")
        with monkeypatch.context() as patch:
            patch.setattr(hook_watchdog, "TURN_S", -1.0)
            await get_watchdog(context).run_turn()
        assert (await hooks.read_watch())["silent_since"] is None
        await get_watchdog(context).run_turn()
        assert count_calls("post_hook") == calls + 1
