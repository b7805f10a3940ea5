"""All customers of a store. Those it was stocked with are three dates each until they change; a document is made of
its number when it is read."""

from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from random import Random

from scripts.sandbox.client_index import ClientIndex
from scripts.sandbox.customers import Customer, Profile
from scripts.sandbox.seeds import find_number, mix
from scripts.sandbox.times import NEVER_US, WorldClock, find_moment, from_us, to_us

_TRIES_MAX = 100


class CustomerBook:
    """An ordinal is a customer's number by age in the book. `kept` are those made or changed since the stocking."""

    def __init__(self, account: str, clock: WorldClock) -> None:
        self.account = account
        self.stock_seed = 0
        self.created, self.updated, self.interacted = array("q"), array("q"), array("q")
        self.kept: dict[int, Customer] = {}
        self.index = ClientIndex(self, clock)
        self._from_stock = bytearray()
        self._made: deque[int] = deque()
        self._forgotten: set[int] = set()

    def __len__(self) -> int:
        return len(self.created) - len(self._forgotten)

    @property
    def end(self) -> int:
        """One more than the last ordinal."""
        return len(self.created)

    def stock(self, rows: Iterable[tuple[int, int, int]]) -> None:
        """Customers by their (created, updated or NEVER_US, interacted) in microseconds, ascending by creation."""
        first = self.end
        for created_us, updated_us, interacted_us in rows:
            self.created.append(created_us)
            self.updated.append(updated_us)
            self.interacted.append(interacted_us)
            self._from_stock.append(True)
        self.index.add_stock(first, self.end)

    def add(self, customer: Customer) -> None:
        """A new one, whose ordinal is `end`."""
        moment_us = to_us(customer.created_at)
        self.created.append(moment_us)
        self.updated.append(NEVER_US)
        self.interacted.append(moment_us)
        self._from_stock.append(False)
        self._made.append(customer.ordinal)
        self.keep(customer)

    def keep(self, customer: Customer) -> None:
        """After every change: what the customer says now counts, for documents at once, for searches after the lag."""
        self.kept[customer.ordinal] = customer
        self.index.note(customer.ordinal, customer.now)

    def forget_oldest(self, objects_max: int) -> None:
        """Without a word to anybody: the sandbox makes room. What it was stocked with stays."""
        while len(self._made) > objects_max:
            ordinal = self._made.popleft()
            self._forgotten.add(ordinal)
            self.index.drop(ordinal)
            del self.kept[ordinal]

    def is_from_stock(self, ordinal: int) -> bool:
        return bool(self._from_stock[ordinal])

    def has(self, ordinal: int) -> bool:
        return 0 <= ordinal < self.end and ordinal not in self._forgotten

    def at(self, ordinal: int, stocked: Profile | None = None) -> Customer:
        """Raises LookupError when there is none of that number. `stocked`: its profile, if it was read before."""
        kept = self.kept.get(ordinal)
        if kept is not None:
            return kept
        if not self.has(ordinal):
            raise LookupError(f"no customer {ordinal}")
        created_at = from_us(self.created[ordinal])
        return Customer(
            self.account, self.seed_of(ordinal), ordinal, created_at, stocked or self.stocked_profile(ordinal)
        )

    def seed_of(self, ordinal: int) -> int:
        kept = self.kept.get(ordinal)
        return kept.seed if kept else mix(self.stock_seed, ordinal)

    def stocked_profile(self, ordinal: int) -> Profile:
        return Profile(find_moment(self.updated[ordinal]), from_us(self.interacted[ordinal]))

    def find(self, document_id: str) -> Customer | None:
        """By its document's id, deleted or not; `CL-` before it and its case do not count."""
        wanted = document_id.lower().removeprefix("cl-")
        found = self._find_numbered(wanted)
        return found if found and found.document_id == wanted else None

    def find_by_user(self, user_id: str) -> Customer | None:
        """None for a deleted one, too."""
        found = self._find_numbered(user_id)
        return found if found and found.user_id == user_id and not found.is_deleted else None

    def _find_numbered(self, made_id: str) -> Customer | None:
        ordinal = find_number(made_id)
        return self.at(ordinal) if ordinal is not None and self.has(ordinal) else None

    def get(self, document_id: str) -> Customer:
        """Raises LookupError when there is none."""
        found = self.find(document_id)
        if found is None:
            raise LookupError(f"no customer {document_id}")
        return found

    def choose(self, random: Random) -> Customer | None:
        """One that was not deleted, at random; None when there is none."""
        for _ in range(_TRIES_MAX if self.end else 0):
            ordinal = random.randrange(self.end)
            if self._is_live(ordinal):
                return self.at(ordinal)
        live = [ordinal for ordinal in range(self.end) if self._is_live(ordinal)]
        return self.at(random.choice(live)) if live else None

    def _is_live(self, ordinal: int) -> bool:
        kept = self.kept.get(ordinal)
        return not kept.is_deleted if kept else self.has(ordinal)

    def list_newest(self) -> Iterator[Customer]:
        return (self.at(ordinal) for ordinal in reversed(range(self.end)) if self.has(ordinal))
