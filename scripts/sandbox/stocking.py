"""What a store has before anybody listens: customers and orders spread over the past, in a few microseconds each.

Nearly all orders are finished, with their dates; one in five hundred got stuck on its way, the youngest still go on.
"""

from collections.abc import Iterator
from datetime import datetime
from random import Random
from typing import NamedTuple

from scripts.sandbox.order_book import StockedOrder
from scripts.sandbox.seeds import mix
from scripts.sandbox.times import NEVER_US, to_us
from scripts.sandbox.workflow import APPROVED, WAYS, find_way

HISTORY_DAYS = 730.0
_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US
_STUCK_SHARE = 0.002
_UPDATED_SHARE = 0.6


class History(NamedTuple):
    """The time over which objects are spread, in microseconds."""

    begin_us: int
    end_us: int

    @classmethod
    def before(cls, end: datetime, days: float) -> "History":
        end_us = to_us(end)
        return cls(end_us - int(days * _DAY_US), end_us)

    def list_moments(self, count: int, random: Random) -> Iterator[int]:
        """Ascending, one in each of `count` equal parts."""
        part = (self.end_us - self.begin_us) / max(count, 1)
        return (self.begin_us + int((index + random.random()) * part) for index in range(count))


def plan_customers(count: int, history: History, random: Random) -> Iterator[tuple[int, int, int]]:
    """(created, updated or NEVER_US, interacted) of each."""
    for created_us in history.list_moments(count, random):
        left_us = history.end_us - created_us
        draw = random.random()
        interacted_us = created_us + int(left_us * random.random() ** 2) if draw < 0.8 else created_us
        updated_us = interacted_us if draw < _UPDATED_SHARE else NEVER_US
        yield created_us, updated_us, interacted_us


def plan_orders(
    count: int, history: History, random: Random, *, first_ordinal: int, last_number: int, customers: int, seed: int
) -> Iterator[StockedOrder]:
    """Of `customers` customers, which are there."""
    number = last_number
    for index, created_us in enumerate(history.list_moments(count, random)):
        number += 1 + int(random.random() * 9)
        way = WAYS[find_way(mix(seed, first_ordinal + index))]
        authorized_us = created_us + int(random.random() ** 4 * 3 * _DAY_US) + 60_000_000
        ended_us = authorized_us + _HOUR_US // 2 + int(random.random() ** 3 * 10 * _DAY_US)
        last = len(way) - 1
        is_paid = last > APPROVED and way[APPROVED] == "payment-approved"
        if random.random() < _STUCK_SHARE:
            position = APPROVED + 1 if is_paid else 2
            changed_us = authorized_us
        elif ended_us <= history.end_us:
            position, changed_us = last, ended_us
        else:
            position, changed_us = (APPROVED + 1 if is_paid else 2), authorized_us
        if changed_us > history.end_us:
            position, changed_us = 0, created_us
        yield StockedOrder(
            number,
            int(random.random() * customers),
            position,
            created_us,
            changed_us,
            authorized_us if is_paid and position > APPROVED else NEVER_US,
            changed_us if way[position] == "invoiced" else NEVER_US,
        )
