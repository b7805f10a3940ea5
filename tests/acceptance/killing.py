"""SIGKILL, as a crash does it: which processes, when, and how often, from one seed that is printed."""

import asyncio
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from typing import NamedTuple

from scripts.stack.child import Child, wait_until
from scripts.stack.stack import Stack
from tests.acceptance.sandbox import Traffic
from tests.acceptance.telling import tell

VICTIMS = ("receiver", "worker", "valkey", "postgres")
STAGGER_MAX_S = 0.4
RUNNING_TIMEOUT_S = 15.0


class Strike(NamedTuple):
    """What dies, one shortly behind the other, and how long after the strike before."""

    after_s: float
    victims: tuple[str, ...]


def choose_seed() -> int:
    """Another one every time, unless KILL_SEED names one. Printed: pytest shows it when the test fails."""
    seed = int(os.environ.get("KILL_SEED") or time.time_ns() % 1_000_000)
    tell(f"KILL_SEED={seed}")
    return seed


def plan_strikes(random: Random) -> list[Strike]:
    """Each victim alone first, then again alone and overlapping, in any order."""
    alone: list[tuple[str, ...]] = [(victim,) for victim in VICTIMS]
    more: list[tuple[str, ...]] = [
        ("worker",),
        ("worker", "valkey"),
        ("receiver", "postgres"),
        ("worker", "worker"),
        ("postgres", "valkey"),
        ("receiver", "valkey", "postgres", "worker"),
    ]
    random.shuffle(alone)
    random.shuffle(more)
    return [Strike(random.uniform(0.8, 2.2), victims) for victims in (*alone, *more)]


async def strike_while_sending(
    stack: Stack, traffic: Traffic, strikes: Sequence[Strike], random: Random
) -> "Counter[str]":
    """Carries the plan out, for as long as webhooks are being sent. How often what was killed."""
    kills: Counter[str] = Counter()
    for strike in strikes:
        await asyncio.sleep(strike.after_s)
        await traffic.refresh()
        if not traffic.is_sending:
            break
        for victim in strike.victims:
            kills[victim] += await kill(stack, victim, random)
            await asyncio.sleep(random.uniform(0, STAGGER_MAX_S))
    return kills


async def kill(stack: Stack, victim: str, random: Random) -> int:
    """Kills one process of this name, waiting until there is one. How many were killed: none if none came back."""
    running = await wait_until(lambda: bool(_list_running(stack, victim)), RUNNING_TIMEOUT_S)
    if not running:
        return 0
    child = random.choice(_list_running(stack, victim))
    if victim == "postgres":
        await kill_with_children(child)
    else:
        child.send(signal.SIGKILL)
        await child.wait(5.0)
    tell(f"killed {victim} (pid {child.pid})")
    return 1


async def kill_with_children(child: Child) -> None:
    """A server and everything it started. It is stopped first, or it would see its children die and react."""
    child.send(signal.SIGSTOP)
    children = list_children(child.pid)
    child.send(signal.SIGKILL)
    for pid in children:
        send(pid, signal.SIGKILL)
    await child.wait(5.0)


def list_children(pid: int) -> list[int]:
    told = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in told.stdout.split()]


def send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it went by itself
        os.kill(pid, number)


def _list_running(stack: Stack, name: str) -> list[Child]:
    return [part.child for part in stack.supervisor.parts(name) if part.child is not None and part.child.is_running]
