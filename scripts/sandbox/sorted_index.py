"""A sorted index of keys by a 64-bit value, in 12 bytes an entry: ranges by bisection, changes by a block move."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise

VALUE_MAX = 2**63 - 1


class SortedIndex:
    """`keys[i]` belongs to `values[i]`; equal values stand in the order of their insertion."""

    def __init__(self) -> None:
        self.values = array("q")
        self.keys = array("I")

    def __len__(self) -> int:
        return len(self.values)

    def extend(self, values: Sequence[int], keys: Sequence[int]) -> None:
        """Many at once, in any order."""
        all_values, all_keys = self.values + array("q", values), self.keys + array("I", keys)
        if all(earlier <= later for earlier, later in pairwise(all_values)):
            self.values, self.keys = all_values, all_keys
            return
        order = sorted(range(len(all_values)), key=all_values.__getitem__)
        self.values = array("q", map(all_values.__getitem__, order))
        self.keys = array("I", map(all_keys.__getitem__, order))

    def insert(self, value: int, key: int) -> None:
        at = bisect_right(self.values, value)
        self.values.insert(at, value)
        self.keys.insert(at, key)

    def remove(self, value: int, key: int) -> None:
        """Nothing happens when it is not there."""
        start, stop = self.find_range(value, value)
        for at in range(start, stop):
            if self.keys[at] == key:
                del self.values[at], self.keys[at]
                return

    def find_range(self, low: int, high: int) -> tuple[int, int]:
        """Positions of the values from `low` to `high`, both included; the end is not."""
        return bisect_left(self.values, low), bisect_right(self.values, high)

    def find_keys(self, low: int, high: int) -> "array[int]":
        start, stop = self.find_range(low, high)
        return self.keys[start:stop]
