"""P2 under SIGKILL: accepted means accounted for, whatever dies and whenever; and the same check with a protection
taken out, where it must find the loss."""

import time
from pathlib import Path
from random import Random

import pytest

from scripts.stack.stack import Stack
from tests.acceptance.killing import Strike, choose_seed, plan_strikes, strike_while_sending
from tests.acceptance.sandbox import Traffic, open_sandbox
from tests.acceptance.stacks import start_stack, use_both_receivers
from tests.acceptance.verdict import Verdict, judge, wait_for_rest

pytestmark = pytest.mark.kill

SETTLED_MAX_S = 60.0  # the promise, from the last kill
REST_MAX_S = 90.0  # also for what was accepted only later, and for the last leases
# An event with a fault of its own (verdict.py, find_wrongly_dead) is to be dead before the test has lost its patience.
SOON_OUT_OF_TRIES = {"tries_max": 6, "retry_base_s": 0.5}


async def run_under_kills(
    stack: Stack, strikes: list[Strike], random: Random, *, events: int, rate: float, rest_max_s: float
) -> Verdict:
    """Sends, kills, waits for rest, judges."""
    async with open_sandbox(stack) as sandbox:
        traffic = await Traffic.start(sandbox, events=events, rate=rate, seed=random.randrange(2**31))
        kills = await strike_while_sending(stack, traffic, strikes, random)
        last_kill_at = time.monotonic()
        accepted = await traffic.wait()
        everything = {event_id for ids in accepted.values() for event_id in ids}
        settled_s, leftovers = await wait_for_rest(stack, everything, last_kill_at, rest_max_s)
        verdict = await judge(stack, traffic, accepted, settled_s, leftovers)
    assert kills.keys() >= {victim for strike in strikes[:4] for victim in strike.victims}, "not everything was killed"
    print(f"killed {dict(kills)}; {traffic.calls_without_200} calls without 200; {verdict}")
    return verdict


async def test_kills_of_every_part_under_load_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    random = Random(choose_seed())
    async with start_stack(tmp_path, counts={"worker": 2, "receiver": 2}, **SOON_OUT_OF_TRIES) as stack:
        await use_both_receivers(stack)
        strikes = plan_strikes(random)
        verdict = await run_under_kills(stack, strikes, random, events=1_500, rate=65, rest_max_s=REST_MAX_S)
        assert not verdict.problems
        assert verdict.settled_s <= SETTLED_MAX_S
        assert verdict.accepted > 1_000


@pytest.mark.parametrize(
    ("process", "protection", "victim"),
    [("worker", "settle_before_commit", "postgres"), ("receiver", "answer_before_append", "valkey")],
)
async def test_the_same_check_finds_the_loss_when_a_protection_is_off(
    tmp_path: Path, process: str, protection: str, victim: str
) -> None:
    random = Random(choose_seed())
    strikes = [Strike(2.5, (victim,)), Strike(2.5, (victim,))]
    settings = {"lease_ms": 3_000, "sweep_interval_s": 1}
    async with start_stack(tmp_path, sabotage={process: protection}, **settings, **SOON_OUT_OF_TRIES) as stack:
        verdict = await run_under_kills(stack, strikes, random, events=500, rate=80, rest_max_s=30)
        assert verdict.lost > 0
        assert verdict.problems
