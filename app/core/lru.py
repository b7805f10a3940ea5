"""A mapping of bounded size: what was not used for longest is forgotten.

For what a process remembers of accounts: anybody may invent names of accounts, and each would stay for ever.
"""

from collections import OrderedDict
from typing import Generic, TypeVar

ACCOUNTS_MAX = 20_000

K = TypeVar("K")
V = TypeVar("V")


class Lru(Generic[K, V]):
    """At most `size` values; reading one is using it."""

    def __init__(self, size: int = ACCOUNTS_MAX) -> None:
        self._size = size
        self._values: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K) -> V | None:
        if key not in self._values:
            return None
        self._values.move_to_end(key)
        return self._values[key]

    def put(self, key: K, value: V) -> V:
        """Answers the value."""
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._size:
            self._values.popitem(last=False)
        return value
