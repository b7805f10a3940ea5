"""Master Data's search index over the customers of a store: eventually consistent, by the lag that is set."""

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from scripts.sandbox.customers import Profile
from scripts.sandbox.people import make_person
from scripts.sandbox.seeds import Dice
from scripts.sandbox.sorted_index import SortedIndex
from scripts.sandbox.times import NEVER_US, WorldClock, to_us

if TYPE_CHECKING:
    from scripts.sandbox.customer_book import CustomerBook

DATE_FIELDS = ("createdIn", "updatedIn", "lastInteractionIn")


class ClientIndex:
    """`by_date`: field → ordinals by microseconds; who has null there is in none. `version` moves with each change."""

    def __init__(self, book: "CustomerBook", clock: WorldClock) -> None:
        self.lag_s = 0.0
        self.version = 0
        self.by_date = {field: SortedIndex() for field in DATE_FIELDS}
        self._book = book
        self._clock = clock
        self._shown: dict[int, Profile] = {}  # of those kept; the others are shown as they were stocked
        self._pending: deque[tuple[float, int, Profile]] = deque()
        self._emails: dict[str, list[int]] | None = None
        self._answer: tuple[int, object, Sequence[int]] = (0, None, ())

    def add_stock(self, first: int, end: int) -> None:
        self.version += 1
        self._emails = None
        book = self._book
        self.by_date["createdIn"].extend(book.created[first:end], range(first, end))
        touched = [ordinal for ordinal in range(first, end) if book.updated[ordinal]]
        self.by_date["updatedIn"].extend([book.updated[ordinal] for ordinal in touched], touched)
        self.by_date["lastInteractionIn"].extend(book.interacted[first:end], range(first, end))

    def note(self, ordinal: int, profile: Profile) -> None:
        self._pending.append((self._clock.now_s(), ordinal, profile))
        self.catch_up()

    def catch_up(self) -> None:
        """Shows what changed longer ago than the lag."""
        seen_s = self._clock.now_s() - self.lag_s
        while self._pending and self._pending[0][0] <= seen_s:
            _, ordinal, profile = self._pending.popleft()
            self._show(ordinal, profile)

    def find_profile(self, ordinal: int) -> Profile | None:
        """As the index has it; None for one that it does not show."""
        shown = self._shown.get(ordinal)
        if shown is not None:
            return None if shown.is_deleted else shown
        return self._book.stocked_profile(ordinal) if self._book.is_from_stock(ordinal) else None

    def read_date(self, ordinal: int, field: str) -> int:
        """Microseconds, NEVER_US for null."""
        shown, book = self._shown.get(ordinal), self._book
        if field == "createdIn":
            return book.created[ordinal]
        if shown is None:
            return book.interacted[ordinal] if field == "lastInteractionIn" else book.updated[ordinal]
        moment = shown.interacted_at if field == "lastInteractionIn" else shown.updated_at
        return to_us(moment) if moment else NEVER_US

    def find_email(self, email: str) -> Sequence[int]:
        """The one search that has to make every person once: the table is made at the first."""
        if self._emails is None:
            self._emails = {}
            for ordinal in range(self._book.end):
                if self._book.is_from_stock(ordinal):
                    self._emails.setdefault(make_person(Dice(self._book.seed_of(ordinal))).email, []).append(ordinal)
        candidates = {*self._emails.get(email, ()), *self._shown}
        return sorted(ordinal for ordinal in candidates if self._read_email(ordinal) == email)

    def _read_email(self, ordinal: int) -> object:
        profile = self.find_profile(ordinal)
        if profile is None:
            return None
        changed = profile.changes.get("email")
        return changed if changed is not None else make_person(Dice(self._book.seed_of(ordinal))).email

    def find_answer(self, question: object) -> Sequence[int] | None:
        """What `keep_answer` kept, if nothing changed since."""
        version, kept, answer = self._answer
        return answer if version == self.version and kept == question else None

    def keep_answer(self, question: object, answer: Sequence[int]) -> None:
        self._answer = (self.version, question, answer)

    def drop(self, ordinal: int) -> None:
        profile = self.find_profile(ordinal)
        if profile is not None:
            self._remove(ordinal, profile)
        self._shown.pop(ordinal, None)
        self._pending = deque(entry for entry in self._pending if entry[1] != ordinal)

    def _show(self, ordinal: int, profile: Profile) -> None:
        before = self.find_profile(ordinal)
        if before is not None:
            self._remove(ordinal, before)
        self.version += 1
        self._shown[ordinal] = profile
        if profile.is_deleted:
            return
        self.by_date["createdIn"].insert(self._book.created[ordinal], ordinal)
        if profile.updated_at is not None:
            self.by_date["updatedIn"].insert(to_us(profile.updated_at), ordinal)
        self.by_date["lastInteractionIn"].insert(to_us(profile.interacted_at), ordinal)

    def _remove(self, ordinal: int, profile: Profile) -> None:
        self.version += 1
        self.by_date["createdIn"].remove(self._book.created[ordinal], ordinal)
        if profile.updated_at is not None:
            self.by_date["updatedIn"].remove(to_us(profile.updated_at), ordinal)
        self.by_date["lastInteractionIn"].remove(to_us(profile.interacted_at), ordinal)
