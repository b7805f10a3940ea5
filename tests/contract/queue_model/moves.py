"""What several steps share: putting a loop's new state back, dying, and spending a fault."""

from tests.contract.queue_model import scripts
from tests.contract.queue_model.world import Keys, Loop, World


def put(world: World, number: int, loop: Loop, keys: Keys | None = None) -> World:
    """The world with this loop (a flight that ended is gone)."""
    loops = list(world.loops)
    was_flying = loops[number].phase.startswith("flying")
    loops[number] = loop._replace(phase="turn") if loop.phase == "finish" else loop
    if was_flying and loop.phase == "idle":
        del loops[number]
        shown = keys or world.keys
        if shown.owner > number:
            keys = shown._replace(owner=shown.owner - 1)
    return world._replace(loops=tuple(loops), keys=world.keys if keys is None else keys)


def die(world: World, number: int, *, of_poison: bool = False) -> World:
    """The worker is gone. A poison may cost its neighbours their first read, never a later one: see I8."""
    deaths = list(world.deaths)
    for held in world.loops[number].batch:
        if not of_poison or held.reads == 1:
            deaths[held.event] += 1
    keys = scripts.lose_run(world.keys, number)
    return put(world._replace(deaths=tuple(deaths)), number, Loop(), keys)


def forget_deaths(world: World, events: list[int]) -> World:
    deaths = tuple(0 if event in events else count for event, count in enumerate(world.deaths))
    return world._replace(deaths=deaths)


def spend(world: World, fault: str) -> World:
    return world._replace(faults=world.faults._replace(**{fault: getattr(world.faults, fault) - 1}))
