"""What can happen next: every step of every loop, of time, of the provider, and every fault that is still allowed."""

from collections.abc import Iterator

from tests.contract.queue_model import scripts
from tests.contract.queue_model.fetching import find_commits, find_fetches, is_deferred
from tests.contract.queue_model.moves import die, forget_deaths, put, spend
from tests.contract.queue_model.scripts import Bugs
from tests.contract.queue_model.step import Step
from tests.contract.queue_model.world import DEAD_RUN, NOBODY, Case, Keys, Loop, World


def find_steps(world: World, case: Case, bugs: Bugs) -> Iterator[Step]:
    yield from _find_outside(world, case, bugs)
    for number, loop in enumerate(world.loops):
        if case.poison and loop.phase == "fetch" and _is_killed(loop, case):
            yield Step(f"{number} dies of its batch", False, die(world, number, of_poison=True))
            continue
        yield from _find_loop_steps(world, number, case, bugs)
        if loop.phase != "idle" and world.faults.crashes:
            yield Step(f"{number} crashes", True, spend(die(world, number), "crashes"))
    if world.keys.owner >= 0 and not world.keys.is_expired and world.faults.pauses:
        keys = world.keys._replace(is_expired=True)
        yield Step("the lease of a living drain runs out", True, spend(world._replace(keys=keys), "pauses"))


def _find_outside(world: World, case: Case, bugs: Bugs) -> Iterator[Step]:
    """New events, time, the sweeper, and the loss of Redis's memory."""
    keys = world.keys
    if world.appended < len(case.stamps):
        event = world.appended
        appended = world._replace(keys=scripts.append(keys, event, bugs), appended=event + 1)
        yield Step(f"change and append {event}", True, appended._replace(unrung="append and ring split" in bugs))
    if world.unrung:
        yield Step("ring", False, world._replace(keys=scripts.look(keys, bugs), unrung=False))
    if keys.owner == DEAD_RUN and not keys.is_expired:
        yield Step("a dead run's lease runs out", False, world._replace(keys=keys._replace(is_expired=True)))
    if keys.is_held:
        yield Step("the hold is over", False, world._replace(keys=keys._replace(is_held=False)))
    for event, is_due in keys.parked:
        if not is_due:
            parked = tuple((other, other == event or due) for other, due in keys.parked)
            yield Step(f"retry {event} is due", False, world._replace(keys=keys._replace(parked=parked)))
    if "no sweeper" not in bugs and ((keys.owner != NOBODY and keys.is_expired) or keys.due):
        yield Step("sweep", False, world._replace(keys=scripts.sweep(keys, bugs)))
    if world.faults.wipes and keys.present:
        zeros = (0,) * len(case.stamps)
        lost = tuple(sorted({*world.known_lost, *keys.present}))
        wiped = world._replace(keys=Keys(reads=zeros, tries=zeros), known_lost=lost)
        yield Step("Redis loses its memory, clock behind", True, spend(wiped, "wipes"))


def _find_loop_steps(world: World, number: int, case: Case, bugs: Bugs) -> Iterator[Step]:
    match world.loops[number].phase:
        case "fetch" | "wire" | "flying fetch" | "flying wire":
            yield from find_fetches(world, number, case, bugs)
        case "commit" | "flying commit":
            yield from find_commits(world, number, case, bugs)
        case "settle" | "flying settle":
            yield _settle(world, number, case, bugs)
        case "defer":
            yield _defer(world, number, bugs)
        case "refund":
            yield Step(f"{number} refunds and holds", False, _refund(world, number, bugs))
        case "turn":
            yield Step(f"{number} reads", False, _read(world, number, case, bugs))
            yield _finish(world, number, bugs)
        case "flying untry":
            events = [held.event for held in world.loops[number].batch]
            untried = scripts.add(world.keys, "tries", events, -1)
            yield Step(f"{number} gives the try back", False, put(world, number, Loop(), untried))
        case "idle":
            if world.keys.ready:
                yield _claim(world, number, bugs)
        case phase:
            yield _finish_second_half(world, number, phase)


def _claim(world: World, number: int, bugs: Bugs) -> Step:
    if "claim split" in bugs:
        return Step(f"{number} pops", False, put(world, number, Loop("popped"), world.keys._replace(ready=False)))
    return Step(f"{number} claims", False, put(world, number, Loop("turn"), scripts.claim(world.keys, number)))


def _finish_second_half(world: World, number: int, phase: str) -> Step:
    """The second call of what ought to be one script (planted bugs only)."""
    keys, batch = world.keys, world.loops[number].batch
    if phase == "popped":
        return Step(f"{number} leases", False, put(world, number, Loop("turn"), scripts.claim(keys, number)))
    if phase == "count":
        counted = scripts.add(keys, "reads", [held.event for held in batch], +1)
        return Step(f"{number} counts", False, put(world, number, world.loops[number]._replace(phase="fetch"), counted))
    if phase == "half deferred":
        parked = tuple(sorted({*keys.parked, *((held.event, False) for held in batch)}))
        return Step(f"{number} parks", False, put(world, number, Loop("turn"), keys._replace(parked=parked)))
    assert phase.startswith("look then drop"), phase
    if keys.owner == number:
        keys = keys._replace(owner=NOBODY, is_expired=False, ready=phase.endswith("work"))
    return Step(f"{number} drops its lease", False, put(world, number, Loop(), keys))


def _settle(world: World, number: int, case: Case, bugs: Bugs) -> Step:
    loop = world.loops[number]
    kept = tuple(held for held in loop.batch if is_deferred(held, loop, case, bugs))
    done = [held for held in loop.batch if held not in kept]
    after = Loop() if loop.phase.startswith("flying") else Loop("defer", kept) if kept else Loop("turn")
    settled = forget_deaths(world, [held.event for held in done])
    return Step(f"{number} settles", False, put(settled, number, after, scripts.settle(world.keys, done, bugs)))


def _read(world: World, number: int, case: Case, bugs: Bugs) -> World:
    keys = world.keys
    if keys.owner != number and "fence off" not in bugs:
        return put(world, number, Loop())
    read, batch = scripts.read(keys, case.limit, bugs)
    broken = "I7: read in the name of a lost run" if keys.owner != number and read != keys else ""
    if not batch:
        return put(world._replace(broken=broken), number, Loop("finish"), read)
    for held in (held for held in batch if held.event not in case.poison):
        others = sum(held.event in [mine.event for mine in loop.batch] for loop in world.loops)
        if held.reads > case.reads_max and world.deaths[held.event] + others < case.reads_max:
            broken = "I8: a good event is buried"
    phase = "count" if "count apart from read" in bugs else "fetch"
    if all(held.reads > case.reads_max for held in batch):
        phase = "commit"
    world = world._replace(clock=world.clock + 1, broken=broken)
    return put(world, number, Loop(phase, batch, world.clock), read)


def _defer(world: World, number: int, bugs: Bugs) -> Step:
    keys, loop, name = world.keys, world.loops[number], f"{number}"
    if keys.owner != number and "fence off" not in bugs:
        # Lost: nothing of it is done in its name; what is in hand is refunded.
        refunded = scripts.add(keys, "reads", [held.event for held in loop.batch], -1)
        return Step(f"{name} cannot defer", False, put(world, number, Loop(), refunded))
    if "XDEL before ZADD" in bugs:
        pairs = {(held.event, held.entry) for held in loop.batch}
        half = keys._replace(stream=tuple(item for item in keys.stream if item not in pairs))
        half = scripts.forget(half, "reads", [held.event for held in loop.batch])
        return Step(f"{name} takes out", False, put(world, number, loop._replace(phase="half deferred"), half))
    after = scripts.defer(keys, loop.batch)
    broken = "I7: defer in the name of a lost run" if keys.owner != number and after != keys else ""
    deferred = forget_deaths(world._replace(broken=broken), [held.event for held in loop.batch])
    return Step(f"{name} defers", False, put(deferred, number, Loop("turn"), after))


def _refund(world: World, number: int, bugs: Bugs) -> World:
    keys, loop = world.keys, world.loops[number]
    is_ours = keys.owner == number
    if "no refund" not in bugs and (is_ours or "fenced refund" not in bugs):
        keys = scripts.add(keys, "reads", [held.event for held in loop.batch], -1)
    if is_ours:
        keys = scripts.finish(keys, is_held=True, bugs=bugs)
    return put(world, number, Loop(), keys)


def _finish(world: World, number: int, bugs: Bugs) -> Step:
    keys, name = world.keys, f"{number}"
    broken = ""
    if "finish split" in bugs and keys.owner == number:
        has_work = bool(keys.stream or any(is_due for _, is_due in keys.parked))
        phase = "look then drop: work" if has_work else "look then drop: none"
        return Step(f"{name} looks", False, put(world, number, Loop(phase)))
    if keys.owner == number or "fence off" in bugs:
        after = scripts.finish(keys, is_held=False, bugs=bugs)
        if keys.owner != number and after != keys:
            broken = "I7: finish in the name of a lost run"
        keys = after
    return Step(f"{name} finishes", False, put(world._replace(broken=broken), number, Loop(), keys))


def _is_killed(loop: Loop, case: Case) -> bool:
    return any(held.event in case.poison and held.reads <= case.reads_max for held in loop.batch)
