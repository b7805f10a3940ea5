"""P2 under SIGKILL: accepted means accounted for, whatever dies and whenever; and the same check with a protection
taken out, where it must find the loss."""

from pathlib import Path
from random import Random

import pytest

from tests.acceptance.killing import Strike, choose_seed, plan_strikes
from tests.acceptance.runs import SOON_OUT_OF_TRIES, run_under_kills
from tests.acceptance.stacks import start_stack, use_both_receivers

pytestmark = pytest.mark.kill

SETTLED_MAX_S = 60.0  # the promise, from the last kill
REST_MAX_S = 90.0  # also for what was accepted only later, and for the last leases


async def test_kills_of_every_part_under_load_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    random = Random(choose_seed())
    async with start_stack(tmp_path, counts={"worker": 2, "receiver": 2}, settings=SOON_OUT_OF_TRIES) as stack:
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
    settings = {"lease_ms": 3_000, "sweep_interval_s": 1, **SOON_OUT_OF_TRIES}
    async with start_stack(tmp_path, sabotage={process: protection}, settings=settings) as stack:
        verdict = await run_under_kills(stack, strikes, random, events=500, rate=80, rest_max_s=30)
        assert verdict.lost > 0
        assert verdict.problems
