"""One state of the model: the queue's keys, the database, the provider, and what every loop remembers.

One tenant and one object. The object's content is the number of its changes so far; event `k` tells of change `k + 1`.
Time is abstract: leases, holds and back-offs end in any order. Everything is a tuple, so that equal states are equal.
"""

from typing import NamedTuple

NOBODY, DEAD_RUN = -1, -2  # who holds the lease, when it is no living loop
NO_ENTRY = -1
NO_CONTENT, FAILED = -1, -2


class Held(NamedTuple):
    """An event in a loop's hand."""

    event: int
    entry: int
    reads: int
    tries: int


class Keys(NamedTuple):
    """The queue's keys of the one tenant."""

    stream: tuple[tuple[int, int], ...] = ()  # (event, entry id)
    parked: tuple[tuple[int, bool], ...] = ()  # (event, its time has come)
    reads: tuple[int, ...] = ()
    tries: tuple[int, ...] = ()
    ready: bool = False
    owner: int = NOBODY
    is_expired: bool = False
    due: bool = False
    is_held: bool = False
    next_entry: int = 0

    @property
    def has_work(self) -> bool:
        return bool(self.stream or self.parked)

    @property
    def present(self) -> set[int]:
        return {event for event, _ in self.stream} | {event for event, _ in self.parked}


class Loop(NamedTuple):
    """A drain loop, or (phase `flying …`) a fetch that outlived its slice."""

    phase: str = "idle"
    batch: tuple[Held, ...] = ()
    observed: int = 0
    content: int = NO_CONTENT


class Row(NamedTuple):
    """The committed row of the object."""

    stamp: int
    observed: int
    content: int


class Faults(NamedTuple):
    """How often each fault may still happen."""

    crashes: int = 0
    pauses: int = 0
    failures: int = 0
    refusals: int = 0
    unanswered: int = 0
    lags: int = 0
    parks: int = 0
    wipes: int = 0


class Case(NamedTuple):
    """A small case to explore whole. `stamps[k]` is the source's stamp of change `k + 1`."""

    stamps: tuple[int, ...]
    faults: Faults
    loops: int = 2
    poison: frozenset[int] = frozenset()
    is_get_split: bool = False
    limit: int = 2
    reads_max: int = 2
    tries_max: int = 2

    def stamp_of(self, content: int) -> int:
        return self.stamps[content - 1] if content > 0 else 0


class World(NamedTuple):
    keys: Keys
    loops: tuple[Loop, ...]
    faults: Faults
    appended: int = 0
    unrung: bool = False
    ledger: tuple[tuple[int, int, bool], ...] = ()  # (key, event, is dead)
    beside: tuple[int, ...] = ()  # dead letters written without asking the ledger (a planted bug)
    row: Row | None = None
    clock: int = 1
    cache: int = NO_CONTENT
    deaths: tuple[int, ...] = ()  # how often a worker died with this event in hand
    known_lost: tuple[int, ...] = ()
    broken: str = ""


def begin(case: Case) -> World:
    zeros = (0,) * len(case.stamps)
    return World(Keys(reads=zeros, tries=zeros), (Loop(),) * case.loops, case.faults, deaths=zeros)


def canonical(world: World) -> World:
    """The same state with times renumbered (only their order matters) and equal loops in one order."""
    times = {loop.observed for loop in world.loops if loop.observed}
    if world.row is not None:
        times.add(world.row.observed)
    rank = {time: number for number, time in enumerate(sorted(times), 1)}
    rank[0] = 0
    loops = [loop._replace(observed=rank[loop.observed]) for loop in world.loops]
    row = world.row and world.row._replace(observed=rank[world.row.observed])
    keys = world.keys
    order = sorted(range(len(loops)), key=lambda number: (loops[number], keys.owner == number))
    if order != list(range(len(loops))):
        loops = [loops[number] for number in order]
        if keys.owner >= 0:
            keys = keys._replace(owner=order.index(keys.owner))
    return world._replace(keys=keys, loops=tuple(loops), row=row, clock=len(times) + 1)
