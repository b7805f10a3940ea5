"""The Lua scripts in the model, each one atomic step; `bugs` switches single protections off.

Written from queue_protocol.md §2, not from the Lua, so that a misreading shows as a difference in what they can do.
"""

from collections.abc import Iterable
from typing import Literal

from tests.contract.queue_model.world import DEAD_RUN, NO_ENTRY, NOBODY, Held, Keys

Bugs = frozenset[str]
Count = Literal["reads", "tries"]


def look(keys: Keys, bugs: Bugs) -> Keys:
    if keys.ready:
        return keys._replace(due=False)
    if keys.owner != NOBODY:
        if not keys.is_expired:
            return keys._replace(due=False)
        keys = keys._replace(owner=NOBODY, is_expired=False)
    if keys.is_held:
        return keys._replace(due="hold listed nowhere" not in bugs)
    if keys.stream or any(is_due for _, is_due in keys.parked):
        return keys._replace(ready=True, due=False)
    return keys._replace(due=bool(keys.parked) and "finish looks at the stream only" not in bugs)


def append(keys: Keys, event: int, bugs: Bugs) -> Keys:
    keys = keys._replace(stream=(*keys.stream, (event, keys.next_entry)), next_entry=keys.next_entry + 1)
    return keys if "append and ring split" in bugs else look(keys, bugs)


def claim(keys: Keys, loop: int) -> Keys:
    return keys._replace(ready=False, owner=loop, is_expired=False)


def read(keys: Keys, limit: int, bugs: Bugs) -> tuple[Keys, tuple[Held, ...]]:
    """The batch, and the keys with it counted; the caller has checked the lease."""
    candidates = [(event, NO_ENTRY) for event, is_due in keys.parked if is_due and "retry by XADD" not in bugs]
    candidates += keys.stream
    batch: list[Held] = []
    for event, entry in candidates[:limit]:
        reads = keys.reads[event] + 1
        if reads > 1 and batch and "no isolation" not in bugs:
            break
        batch.append(Held(event, entry, reads, keys.tries[event]))
        if reads > 1 and "no isolation" not in bugs:
            break
    keys = keys._replace(is_expired=False)
    if "count apart from read" not in bugs:
        keys = add(keys, "reads", [held.event for held in batch], +1)
    return keys, tuple(batch)


def settle(keys: Keys, batch: Iterable[Held], bugs: Bugs) -> Keys:
    events = {held.event for held in batch}
    if "settle by entry alone" in bugs:
        entries = {held.entry for held in batch}
        keys = keys._replace(stream=tuple(item for item in keys.stream if item[1] not in entries))
    else:
        pairs = {(held.event, held.entry) for held in batch}
        keys = keys._replace(stream=tuple(item for item in keys.stream if item not in pairs))
    keys = keys._replace(parked=tuple(item for item in keys.parked if item[0] not in events))
    return forget(forget(keys, "reads", events), "tries", events)


def defer(keys: Keys, batch: Iterable[Held]) -> Keys:
    """Parks what is still there; the caller has checked the lease."""
    for held in batch:
        if (held.event, held.entry) in keys.stream or held.event in dict(keys.parked):
            parked = tuple(item for item in keys.parked if item[0] != held.event)
            keys = keys._replace(
                stream=tuple(item for item in keys.stream if item != (held.event, held.entry)),
                parked=tuple(sorted((*parked, (held.event, False)))),
            )
            keys = forget(add(keys, "tries", [held.event], +1), "reads", {held.event})
    return keys


def finish(keys: Keys, *, is_held: bool, bugs: Bugs) -> Keys:
    """The fenced half of finish; refunds are `add(…, -1)`."""
    return look(keys._replace(owner=NOBODY, is_expired=False, is_held=is_held or keys.is_held), bugs)


def sweep(keys: Keys, bugs: Bugs) -> Keys:
    if "retry by XADD" in bugs:
        for event, is_due in keys.parked:
            if is_due:
                keys = keys._replace(
                    parked=tuple(item for item in keys.parked if item[0] != event),
                    stream=(*keys.stream, (event, keys.next_entry)),
                    next_entry=keys.next_entry + 1,
                )
    return look(keys, bugs)


def lose_run(keys: Keys, loop: int) -> Keys:
    """The loop died: its run stays in `runs` until the lease is over, and nobody will speak in its name."""
    return keys._replace(owner=DEAD_RUN) if keys.owner == loop else keys


def add(keys: Keys, name: Count, events: Iterable[int], step: int) -> Keys:
    """Counts up; counts down to 0 at least (and so never creates)."""
    counts = list(getattr(keys, name))
    for event in events:
        counts[event] = max(0, counts[event] + step)
    return with_counts(keys, name, counts)


def forget(keys: Keys, name: Count, events: Iterable[int]) -> Keys:
    gone = set(events)
    return with_counts(keys, name, [0 if event in gone else count for event, count in enumerate(getattr(keys, name))])


def with_counts(keys: Keys, name: Count, counts: list[int]) -> Keys:
    return keys._replace(reads=tuple(counts)) if name == "reads" else keys._replace(tries=tuple(counts))
