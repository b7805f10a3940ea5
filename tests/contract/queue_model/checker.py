"""An explicit-state checker: every reachable state, breadth first, so that the schedule it prints is a shortest one.

Equal loops are put into one order after each step, so a schedule's "0" is not the same loop all along.
"""

from typing import NamedTuple

from tests.contract.queue_model.scripts import Bugs
from tests.contract.queue_model.steps import find_steps
from tests.contract.queue_model.world import NOBODY, Case, World, begin, canonical

STATES_MAX = 400_000


class Violation(NamedTuple):
    promise: str
    schedule: list[str]

    def __str__(self) -> str:
        return f"{self.promise} after {len(self.schedule)} steps: " + " · ".join(self.schedule)


class Report(NamedTuple):
    states: int
    transitions: int
    violation: Violation | None


def check(case: Case, bugs: Bugs = frozenset()) -> Report:
    """Explore the case whole. Stops at the first state that breaks a promise; then asks I11 of every state."""
    first = canonical(begin(case))
    numbers: dict[World, int] = {first: 0}
    parents: list[tuple[int, str]] = [(-1, "")]
    queue: list[World] = [first]
    peaceful: list[list[int]] = [[]]  # for each state, the states from which one fault-free step leads to it
    resting: list[int] = []
    transitions = 0
    for number, world in enumerate(queue):
        if is_at_rest(world):
            resting.append(number)
        for label, is_fault, after in find_steps(world, case, bugs):
            transitions += 1
            reached = canonical(after)
            known = numbers.get(reached)
            if known is None:
                known = numbers[reached] = len(queue)
                queue.append(reached)
                parents.append((number, label))
                peaceful.append([])
                broken = find_broken_promise(reached)
                if broken:
                    return Report(len(queue), transitions, Violation(broken, _schedule(parents, known)))
            if not is_fault:
                peaceful[known].append(number)
        assert len(queue) < STATES_MAX, "the case is too large to be explored whole"
    stranded = _find_stranded(peaceful, resting)
    if stranded is not None:
        return Report(len(queue), transitions, Violation("I11: stranded", _schedule(parents, stranded)))
    return Report(len(queue), transitions, None)


def is_at_rest(world: World) -> bool:
    keys = world.keys
    busy = keys.has_work or keys.ready or keys.due or keys.owner != NOBODY or world.unrung
    return not busy and all(loop.phase == "idle" for loop in world.loops)


def find_broken_promise(world: World) -> str:
    if world.broken:
        return world.broken
    keys = world.keys
    rows = [event for _, event, _ in world.ledger]
    accounted = {*rows, *world.beside, *world.known_lost, *keys.present}
    for event in range(world.appended):
        if event not in accounted:
            return f"I1: event {event} is lost"
    if len(rows) + len(world.beside) > len({*rows, *world.beside}):
        return "I2: an event has two outcomes"
    places = keys.ready + (keys.owner != NOBODY) + keys.due
    if keys.has_work and places != 1:
        return f"I4: work, and the tenant stands in {places} places"
    return _find_broken_at_rest(world) if is_at_rest(world) else ""


def _find_broken_at_rest(world: World) -> str:
    if any(world.keys.reads) or any(world.keys.tries):
        return "I5: counts are left behind"
    is_excused = any(dead for _, _, dead in world.ledger) or world.beside or world.known_lost
    if not is_excused and world.appended and (world.row is None or world.row.content != world.appended):
        return "I6: the row is stale for good"
    return ""


def _find_stranded(peaceful: list[list[int]], resting: list[int]) -> int | None:
    """The first state from which no fault-free path leads to rest."""
    can_rest = set(resting)
    waiting = list(resting)
    while waiting:
        for before in peaceful[waiting.pop()]:
            if before not in can_rest:
                can_rest.add(before)
                waiting.append(before)
    return next((number for number in range(len(peaceful)) if number not in can_rest), None)


def _schedule(parents: list[tuple[int, str]], number: int) -> list[str]:
    labels = []
    while number > 0:
        number, label = parents[number]
        labels.append(label)
    return labels[::-1]
