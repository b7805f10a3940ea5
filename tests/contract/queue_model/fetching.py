"""The middle of a slice: GETs that are answered, fail, lag or outlive it, and the transaction that follows."""

from collections.abc import Iterator

from tests.contract.queue_model import scripts
from tests.contract.queue_model.moves import forget_deaths, put, spend
from tests.contract.queue_model.scripts import Bugs
from tests.contract.queue_model.step import Step
from tests.contract.queue_model.world import FAILED, NO_CONTENT, NO_ENTRY, Case, Held, Loop, Row, World


def find_fetches(world: World, number: int, case: Case, bugs: Bugs) -> Iterator[Step]:
    loop, name = world.loops[number], f"{number}"
    flying = "flying " if loop.phase.startswith("flying") else ""
    if loop.phase.endswith("wire"):
        arrived = loop._replace(phase=f"{flying}commit")
        if "order by answer time" in bugs:
            arrived = arrived._replace(observed=world.clock + 1)
            world = world._replace(clock=world.clock + 1)
        yield Step(f"{name} has its answer", False, put(world, number, arrived))
    else:
        stamps = [case.stamp_of(held.event + 1) for held in loop.batch]
        if "duplicates not fetched" in bugs and world.row and all(stamp == world.row.stamp for stamp in stamps):
            known = loop._replace(phase="commit", content=world.row.content)
            yield Step(f"{name} skips the GET", False, put(world, number, known))
            return
        after = f"{flying}wire" if case.is_get_split else f"{flying}commit"
        contents = [(world.appended, False)]
        if world.faults.lags:
            contents.append((world.appended - 1, True))
        for content, is_lag in contents:
            observed = loop.observed
            clock = world.clock
            answered = put(world, number, Loop(after, loop.batch, observed, content))
            if "cached GET" in bugs:
                answered = answered._replace(cache=content)
            answered = answered._replace(clock=clock)
            yield Step(f"{name} GET {content}", is_lag, spend(answered, "lags") if is_lag else answered)
        if "cached GET" in bugs and world.cache != NO_CONTENT:
            cached = Loop(after, loop.batch, loop.observed, world.cache)
            yield Step(f"{name} takes {world.cache} from the cache", False, put(world, number, cached))
    if world.faults.failures:
        failed = Loop() if flying else Loop("commit", loop.batch, loop.observed, FAILED)
        yield Step(f"{name} GET fails", True, spend(put(world, number, failed), "failures"))
    if flying and world.faults.refusals:
        untry = Loop("flying untry", loop.batch)
        yield Step(f"{name} surroundings fail", True, spend(put(world, number, untry), "refusals"))
    if not flying and world.faults.parks and world.keys.owner == number:
        keys = scripts.defer(world.keys, loop.batch)
        parked = forget_deaths(world, [held.event for held in loop.batch])
        parked = put(parked, number, Loop("finish"), keys)
        flight = loop._replace(phase=f"flying {loop.phase}")
        yield Step(f"{name} parks its fetch", True, spend(parked._replace(loops=(*parked.loops, flight)), "parks"))


def is_deferred(held: Held, loop: Loop, case: Case, bugs: Bugs) -> bool:
    """A failure of its own with tries left: no document, or one older than the hint."""
    if held.reads > case.reads_max or held.tries + 1 >= case.tries_max:
        return False
    if loop.content == FAILED:
        return True
    is_older = case.stamp_of(loop.content) < case.stamp_of(held.event + 1)
    return is_older and "no lag check" not in bugs


def find_commits(world: World, number: int, case: Case, bugs: Bugs) -> Iterator[Step]:
    loop, name = world.loops[number], f"{number}"
    flying = "flying " if loop.phase.startswith("flying") else ""
    done = [held for held in loop.batch if not is_deferred(held, loop, case, bugs)]
    ledger, beside = list(world.ledger), list(world.beside)
    by_entry = bool({"entry id as key", "retry by XADD"} & bugs)
    known = {key for key, _, _ in ledger}
    for held in done:
        key = held.entry if by_entry and held.entry != NO_ENTRY else held.event
        is_dead = loop.content == FAILED or held.reads > case.reads_max
        if is_dead and "dead letter beside the ledger" in bugs:
            beside.append(held.event)
        elif key not in known or "counters for a ledger" in bugs:
            ledger.append((key, held.event, is_dead))
    row = world.row
    if loop.content > 0 and any(held.reads <= case.reads_max for held in loop.batch):
        new = Row(case.stamp_of(loop.content), loop.observed, loop.content)
        if row is None or (new.stamp > row.stamp if "strict >" in bugs else new[:2] > row[:2]):
            row = new
    committed = world._replace(ledger=tuple(sorted(ledger)), beside=tuple(sorted(beside)), row=row)
    settled = put(committed, number, loop._replace(phase=f"{flying}settle"))
    yield Step(f"{name} commits {[held.event for held in done]}", False, settled)
    surroundings = Loop("flying untry" if flying else "refund", loop.batch)
    if world.faults.refusals:
        yield Step(f"{name} is refused", True, spend(put(world, number, surroundings), "refusals"))
    if world.faults.unanswered:
        unanswered = put(committed, number, surroundings)
        yield Step(f"{name} commits and hears nothing", True, spend(unanswered, "unanswered"))
