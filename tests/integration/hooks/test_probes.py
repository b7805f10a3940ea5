"""A test call goes the whole way and is no business; where the way is broken, that is said."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

import workers.intake
from app.connectors.vtex.probe import is_probe, make_probe
from app.connectors.vtex.webhook import parse_order_hook
from app.core.own_address import OwnAnswer
from app.services.hook_probes import explain_answer
from schemas.events import Event
from schemas.ids import make_uuid7
from tests.integration.hooks.conftest import Hooks, get_watchdog
from tests.integration.receiver.support import Receiver
from tests.integration.workers.wire import Wire
from tests.integration.workers.works import ACME, VTEX, count_calls, until

A_MINUTE = timedelta(minutes=1)


async def test_a_test_call_comes_all_the_way_and_is_no_business(hooks: Hooks) -> None:
    async with hooks.worker() as context:
        await hooks.connect(context)
        calls = count_calls("get_order")
        await hooks.turn(context)
        # Before the call was sent, the look had found all in order.
        activity = "SELECT integration_id, last_synced_at FROM integration_activity"
        looked_at = await hooks.works.superuser.fetch(activity)
        probe_id = str((await hooks.read_watch())["probe_id"])
        rows = await hooks.works.wait_for([probe_id])
        assert (rows[probe_id].outcome, rows[probe_id].reason) == ("ignored", "probe")
        assert await hooks.works.superuser.fetch(activity) == looked_at, "a test call tells nothing of the shop"
        assert count_calls("get_order") == calls, "VTEX was asked for an order that it cannot have"
        await get_watchdog(context).run_turn()
        watch = await hooks.read_watch()
    assert "came all the way" in str((await hooks.show()).note)
    assert watch["path_good_at"] == watch["probed_at"]
    assert (watch["probe_id"], watch["path_problem"]) == (None, None)
    assert await hooks.works.read_counter("orders") == 0


async def test_a_test_call_needs_the_secret_like_any_other(hooks: Hooks, receiver: Receiver) -> None:
    async with hooks.worker() as context:
        await hooks.connect(context)
        assert context.hooks is not None
        _, address = await context.hooks.find_target(ACME, VTEX)
    probe = make_probe(hooks.works.accounts[ACME], "1", datetime.now(UTC))
    path = address.url.removeprefix(hooks.public_url)
    answer = await receiver.client.post(path, json=probe, headers={"X-Acequia-Secret": "wrong"})
    assert answer.status_code == 401
    assert (await receiver.client.post(path, json=probe, headers=address.headers)).status_code == 200


async def test_a_way_that_is_cut_is_said_and_the_hook_stays_registered(hooks: Hooks, make_hooks: Any) -> None:
    async with Wire(hooks.public_url).open() as wire:
        beside = make_hooks(wire.url)
        async with beside.worker() as context:
            await beside.connect(context)
            wire.cut()
            await beside.turn(context)
            shown = await beside.show()
            assert shown.status == "registered"
            assert "PUBLIC_URL cannot be reached" in str(shown.note)
            assert "aqe_" not in str(shown.note)
            due_in = (await beside.read_watch())["due_at"] - datetime.now(UTC)
            assert due_in <= A_MINUTE, "a broken way is looked at again soon"
            wire.mend()
            await beside.turn(context)
            await beside.works.wait_for([str((await beside.read_watch())["probe_id"])])
            await get_watchdog(context).run_turn()
            assert "came all the way" in str((await beside.show()).note)


async def test_a_queue_that_nobody_drains_is_said_until_it_is_drained(hooks: Hooks) -> None:
    async with hooks.worker(hook_probe_wait_s=1) as context:
        await hooks.connect(context)
        await context.queue.pause(ACME)
        await hooks.turn(context)
        watchdog = get_watchdog(context)
        await watchdog.run_turn()
        assert "every change" in str((await hooks.show()).note), "it may still come"
        await hooks.set_watch(probed_at=datetime.now(UTC) - A_MINUTE)
        await watchdog.run_turn()
        shown = await hooks.show()
        assert (shown.status, "not worked off in time" in str(shown.note)) == ("registered", True)
        await context.queue.resume(ACME)
        await hooks.works.wait_for([str((await hooks.read_watch())["probe_id"])])
        await watchdog.run_turn()
    assert "came all the way" in str((await hooks.show()).note)


async def test_without_the_mark_a_test_call_is_taken_for_an_order(
    hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers.intake, "is_probe", lambda _: False)
    async with hooks.worker() as context:
        await hooks.connect(context)
        calls = count_calls("get_order")
        await hooks.turn(context)

        async def is_asked_for() -> bool:
            return count_calls("get_order") > calls

        await until(is_asked_for)


async def test_test_calls_can_be_switched_off(hooks: Hooks) -> None:
    async with hooks.worker(hook_probes=False) as context:
        await hooks.connect(context)
        await hooks.turn(context)
    assert (await hooks.read_watch())["probe_id"] is None


def test_only_both_marks_make_a_test_call() -> None:
    hint: Any = parse_order_hook(orjson.loads(orjson.dumps(make_probe("acme", "1", datetime.now(UTC)))))
    event = Event(make_uuid7(), "vtex", "acme", 1, "hint", "order", "upsert", hint.object_id, hint.state)
    assert is_probe(event)
    changes: tuple[dict[str, Any], ...] = (
        {"state": None}, {"state": "invoiced"}, {"object_id": "1268540501456-01"}, {"kind": "customer"},
    )  # fmt: skip
    for change in changes:
        assert not is_probe(event._replace(**change))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (OwnAnswer(0, {}, "ConnectError"), "ConnectError"),
        (OwnAnswer(401, {}), "ENDPOINT_TOKEN_KEY"),
        (OwnAnswer(429, {}), "QUEUE_EVENTS_MAX"),
        (OwnAnswer(503, {}), "readyz"),
        (OwnAnswer(502, {}), "proxy"),
        (OwnAnswer(404, {}), "Somebody else"),
        (OwnAnswer(200, {}), "Somebody else"),
        (OwnAnswer(308, {}), "Somebody else"),
    ],
)
def test_each_answer_says_where_to_look(answer: OwnAnswer, words: str) -> None:
    assert words in explain_answer(answer)
