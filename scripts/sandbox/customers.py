"""One shopper: what moves is kept, the Master Data documents are made of a seed when somebody reads them."""

from collections.abc import Mapping
from datetime import datetime
from random import Random
from typing import NamedTuple

from scripts.sandbox.customer_documents import write_addresses, write_client
from scripts.sandbox.people import Person, make_person
from scripts.sandbox.seeds import Dice, make_id
from scripts.sandbox.times import write_z

_CL, _USER = 1, 2
_NO_CHANGES: Mapping[str, object] = {}


class Profile(NamedTuple):
    """What moves. `updated_at` is None until the first update, `interacted_at` is never earlier than it."""

    updated_at: datetime | None
    interacted_at: datetime
    is_deleted: bool = False
    changes: Mapping[str, object] = _NO_CHANGES


class Customer:
    """`ordinal`: its number in its store. The same seed, ordinal and date make the same person and documents."""

    __slots__ = ("account", "created_at", "document_id", "now", "ordinal", "seed", "user_id")

    def __init__(self, account: str, seed: int, ordinal: int, created_at: datetime, now: Profile | None = None) -> None:
        self.account = account
        self.seed = seed
        self.ordinal = ordinal
        self.created_at = created_at
        self.now = now or Profile(None, created_at)
        self.document_id = make_id(seed, _CL, ordinal)
        # In older documents the document's id is not the user's.
        self.user_id = self.document_id if seed % 20 else make_id(seed, _USER, ordinal)

    @property
    def person(self) -> Person:
        return make_person(Dice(self.seed))

    @property
    def is_guest(self) -> bool:
        return count_addresses(self.seed) == 0

    @property
    def is_deleted(self) -> bool:
        return self.now.is_deleted

    @property
    def updated_at(self) -> datetime:
        """The latest of the document's three stamps."""
        return self.now.interacted_at

    @property
    def client(self) -> dict[str, object]:
        return self.show_client(self.now)

    @property
    def addresses(self) -> list[dict[str, object]]:
        return write_addresses(self.account, self, count_addresses(self.seed))

    def show_client(self, profile: Profile) -> dict[str, object]:
        """The `CL` document as it is with that profile."""
        document = write_client(self.account, self, is_guest=self.is_guest)
        if profile.updated_at is not None:
            document["updatedIn"], document["updatedBy"] = write_z(profile.updated_at), self.user_id
        document["lastInteractionIn"] = write_z(profile.interacted_at)
        document.update(profile.changes)
        return document

    def update(self, random: Random, now: datetime) -> None:
        """A change as shops see them: consent given or taken, another phone, a visit."""
        change = random.random()
        changes = dict(self.now.changes)
        if change < 0.4:
            changes["isNewsletterOptIn"] = not self.client["isNewsletterOptIn"]
        elif change < 0.7:
            changes["homePhone"] = make_person(random).phone
        self.now = Profile(now if change < 0.7 else self.now.updated_at, now, self.is_deleted, changes)

    def patch(self, changes: Mapping[str, object], now: datetime) -> None:
        self.now = Profile(now, now, self.is_deleted, {**self.now.changes, **changes})

    def delete(self, now: datetime) -> None:
        self.now = self.now._replace(is_deleted=True, interacted_at=now)


def count_addresses(seed: int) -> int:
    """None for the 8 % who are guests, one or two for others."""
    if (seed >> 8) % 100 < 8:
        return 0
    return 2 if (seed >> 24) % 4 == 0 else 1
