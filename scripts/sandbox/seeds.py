"""Objects made of a number: a 64-bit seed for each, and ids that lead back to the number without a table."""

from collections.abc import Sequence
from hashlib import blake2b
from random import Random
from typing import TypeVar

T = TypeVar("T")

_MASK_64, _MASK_32 = 2**64 - 1, 2**32 - 1
_ODD = 2_654_435_761  # Knuth's multiplicative hash: odd, so it has an inverse modulo 2**32
_INVERSE = pow(_ODD, -1, 2**32)


class Dice(Random):
    """Draws of one object's seed: a third of the time of Random's own, and even enough for a sandbox."""

    def seed(self, a: object = None, version: int = 2) -> None:
        super(Random, self).seed(a)

    def choice(self, seq: Sequence[T]) -> T:  # type: ignore[override]
        return seq[int(self.random() * len(seq))]

    def randint(self, a: int, b: int) -> int:
        return a + int(self.random() * (b - a + 1))

    def randrange(self, start: int) -> int:  # type: ignore[override]
        return int(self.random() * start)


def mix(seed: int, number: int) -> int:
    """Seed of the object with that number. Source: splitmix64."""
    mixed = (seed + (number + 1) * 0x9E3779B97F4A7C15) & _MASK_64
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK_64
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK_64
    return mixed ^ (mixed >> 31)


def hash_words(*words: object) -> int:
    """A 64-bit seed of words."""
    return int.from_bytes(blake2b(":".join(map(str, words)).encode(), digest_size=8).digest())


def make_id(seed: int, kind: int, number: int) -> str:
    """A UUID (version 4 by its form) whose last eight digits hold the number."""
    digits = (
        f"{blake2b(seed.to_bytes(8), digest_size=12, salt=bytes([kind])).hexdigest()}{number * _ODD & _MASK_32:08x}"
    )
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def find_number(made_id: str) -> int | None:
    """The number in an id of `make_id`; whether the id is truly that number's is for the caller to compare."""
    try:
        return int(made_id[-8:], 16) * _INVERSE & _MASK_32
    except ValueError:
        return None
