"""Medians with their spread: what every benchmark prints of its rounds."""

from collections.abc import Sequence
from statistics import median

ROUNDS = 5


def summarise(values: Sequence[float], digits: int = 0) -> float:
    """The median, rounded."""
    return round(median(values), digits) if digits else float(round(median(values)))


def spread(values: Sequence[float], digits: int = 2) -> list[float]:
    """Lowest and highest."""
    return [round(min(values), digits), round(max(values), digits)]


def pair_ratios(measured: Sequence[float], against: Sequence[float]) -> list[float]:
    """Round by round: the machine's speed drifts, but hardly between two neighbours."""
    return [one / other for one, other in zip(measured, against, strict=True)]
