"""P2 when Postgres is away for longer than all attempts would last: the surroundings' failures spend nothing, so
nothing is dead-lettered, and what was accepted meanwhile is applied when it is back (I8)."""

import asyncio
import signal
from pathlib import Path

import pytest

from scripts.stack.stack import Stack
from tests.acceptance.killing import choose_seed, list_children, send
from tests.acceptance.runs import run_and_judge
from tests.acceptance.sandbox import MIX, Traffic
from tests.acceptance.stacks import start_stack
from tests.acceptance.verdict import Verdict

pytestmark = pytest.mark.kill

WARM_UP_S = 2.0
AWAY_S = 8.0
BETWEEN_S = 2.0
RATE = 40
REST_MAX_S = 60.0
# Four reads and three tries, were they spent, would be over after some three seconds.
SHORT_ATTEMPTS = {
    "tries_max": 3,
    "reads_max": 4,
    "retry_base_s": 0.1,
    "retry_max_s": 0.3,
    "hold_min_s": 0.2,
    "hold_max_s": 0.4,
    "sweep_interval_s": 0.25,
    "bell_wait_s": 0.5,
    "statement_timeout_s": 1,
}
# Without refunds events are read alone after their second read, a turn each: with short rests there are turns enough.
SHORT_RESTS = {**SHORT_ATTEMPTS, "hold_min_s": 0.05, "hold_max_s": 0.1, "sweep_interval_s": 0.05}
# Nobody is deleted: a change of somebody who is gone would have a fault of its own.
NO_DELETIONS = {**MIX, "deletions": 0.0}


async def stop_for_a_while(stack: Stack) -> None:
    """Nobody listens, and nobody starts it again before the time is over."""
    (postgres,) = stack.supervisor.parts("postgres")
    await stack.supervisor.stop(["postgres"])
    await asyncio.sleep(AWAY_S)
    await stack.supervisor.start("postgres", postgres)


async def freeze_for_a_while(stack: Stack) -> None:
    """Connections stay open and nothing answers: what a hung disk or a cut cable looks like."""
    (postgres,) = stack.supervisor.parts("postgres")
    assert postgres.child is not None
    pids = [postgres.child.pid, *list_children(postgres.child.pid)]
    try:
        for pid in pids:
            send(pid, signal.SIGSTOP)
        await asyncio.sleep(AWAY_S)
    finally:
        for pid in pids:
            send(pid, signal.SIGCONT)


async def run_without_postgres(stack: Stack, *, freezes: bool) -> Verdict:
    """Traffic goes on all the time: the receiver needs no Postgres."""

    async def take_postgres_away(_: Traffic) -> str:
        await asyncio.sleep(WARM_UP_S)
        await stop_for_a_while(stack)
        if freezes:
            await asyncio.sleep(BETWEEN_S)
            await freeze_for_a_while(stack)
        return f"Postgres was away for {AWAY_S:g} s, {'twice' if freezes else 'once'}"

    seconds = WARM_UP_S + AWAY_S + (BETWEEN_S + AWAY_S if freezes else 0)
    return await run_and_judge(
        stack,
        take_postgres_away,
        events=int(seconds * RATE),
        rate=RATE,
        seed=choose_seed(),
        rest_max_s=REST_MAX_S,
        mix=NO_DELETIONS,
    )


async def test_nothing_is_dead_lettered_while_postgres_is_away_for_longer_than_all_attempts(tmp_path: Path) -> None:
    async with start_stack(tmp_path, counts={"worker": 2}, provider_latency_ms=50, settings=SHORT_ATTEMPTS) as stack:
        verdict = await run_without_postgres(stack, freezes=True)
        assert not verdict.problems
        assert verdict.outcomes["dead"] == 0
        assert verdict.settled_s < REST_MAX_S


async def test_the_same_outage_buries_good_events_when_reads_are_not_refunded(tmp_path: Path) -> None:
    sabotage = {"worker": "count_outages"}
    async with start_stack(tmp_path, sabotage=sabotage, provider_latency_ms=50, settings=SHORT_RESTS) as stack:
        verdict = await run_without_postgres(stack, freezes=False)
        assert verdict.outcomes["dead"] > 0
        assert verdict.problems
