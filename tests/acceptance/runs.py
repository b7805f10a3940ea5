"""A counted run of webhooks through a stack, what is done to the stack meanwhile, and the verdict at rest."""

import time
from collections.abc import Awaitable, Callable
from random import Random

from scripts.stack.stack import Stack
from tests.acceptance.killing import Strike, strike_while_sending
from tests.acceptance.sandbox import Traffic, open_sandbox
from tests.acceptance.telling import tell
from tests.acceptance.verdict import Verdict, judge, wait_for_rest

# An event with a fault of its own (verdict.py, find_wrongly_dead) is to be dead before a test has lost its patience.
SOON_OUT_OF_TRIES = {"tries_max": 5, "retry_base_s": 0.5}


async def run_and_judge(
    stack: Stack,
    harm: Callable[[Traffic], Awaitable[object]],
    *,
    events: int,
    rate: float,
    seed: int,
    rest_max_s: float,
    mix: dict[str, float] | None = None,
) -> Verdict:
    """Sends `events` at `rate` per second while `harm` goes on; when both are over, waits for rest and judges.

    Rest is waited for at most `rest_max_s`, counted like `Verdict.settled_s` from the end of `harm`.
    """
    async with open_sandbox(stack) as sandbox:
        more = {} if mix is None else {"mix": mix}
        traffic = await Traffic.start(sandbox, events=events, rate=rate, seed=seed, **more)
        told = await harm(traffic)
        harmed_at = time.monotonic()
        accepted = await traffic.wait()
        everything = {event_id for ids in accepted.values() for event_id in ids}
        settled_s, leftovers = await wait_for_rest(stack, everything, harmed_at, rest_max_s)
        verdict = await judge(stack, traffic, accepted, settled_s, leftovers)
    tell(f"{told}; {traffic.calls_without_200} calls without 200; {verdict}")
    return verdict


async def run_under_kills(
    stack: Stack, strikes: list[Strike], random: Random, *, events: int, rate: float, rest_max_s: float
) -> Verdict:
    """The harm is SIGKILL, by plan. What the plan names first must have been killed."""

    async def strike(traffic: Traffic) -> object:
        kills = await strike_while_sending(stack, traffic, strikes, random)
        missed = {victim for strike in strikes[:4] for victim in strike.victims} - kills.keys()
        assert not missed, f"not killed: {missed}"
        return dict(kills)

    seed = random.randrange(2**31)
    return await run_and_judge(stack, strike, events=events, rate=rate, seed=seed, rest_max_s=rest_max_s)
