"""The ways that a sale at MercadoLibre takes, and the moments of its steps.

A shipment moves without its order: `shipped` changes the shipment alone, and only a notification of it tells. Where a
buyer is refunded to account money the order stays `paid`, with a tag.
"""

from typing import NamedTuple

from scripts.sandbox.seeds import mix

MS_US = 1_000
_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US


class Step(NamedTuple):
    """`order` and `shipment`: their statuses from then on; None: it does not move. `wait_us`: the least and the most
    since the step before. `tells`: topics."""

    name: str
    order: str | None
    shipment: str | None
    wait_us: tuple[int, int]
    tells: tuple[str, ...]


_ALL = ("orders_v2", "payments", "shipments")
_PLACED = Step("placed", "confirmed", "pending", (0, 0), ("orders_v2",))
_IN_PROCESS = Step("in_process", "payment_in_process", None, (2_000_000, 60_000_000), ("orders_v2", "payments"))
_REQUIRED = Step("required", "payment_required", None, (2_000_000, 60_000_000), ("orders_v2",))
_PAID = Step("paid", "paid", "ready_to_ship", (3_000_000, 12 * _HOUR_US), _ALL)
_SHIPPED = Step("shipped", None, "shipped", (4 * _HOUR_US, 3 * _DAY_US), ("shipments",))
_DELIVERED = Step("delivered", "paid", "delivered", (_DAY_US, 8 * _DAY_US), ("shipments", "orders_v2"))
_NOT_DELIVERED = Step("not_delivered", None, "not_delivered", (2 * _DAY_US, 6 * _DAY_US), ("shipments",))
_CANCELLED = Step("cancelled", "cancelled", "cancelled", (_HOUR_US, 5 * _DAY_US), _ALL)
_REFUNDED = Step("refunded", "paid", None, (2 * _DAY_US, 15 * _DAY_US), ("orders_v2", "payments"))

CANCEL = _CANCELLED
STATUSES = ("confirmed", "payment_in_process", "payment_required", "paid", "cancelled")
# Percent of sales, whether something is sent, and their steps.
_SHARES: tuple[tuple[int, bool, tuple[Step, ...]], ...] = (
    (60, True, (_PLACED, _PAID, _SHIPPED, _DELIVERED)),
    (8, True, (_PLACED, _IN_PROCESS, _PAID, _SHIPPED, _DELIVERED)),
    (7, False, (_PLACED, _PAID)),
    (8, True, (_PLACED, _REQUIRED, _CANCELLED)),
    (9, True, (_PLACED, _PAID, _CANCELLED)),
    (5, True, (_PLACED, _PAID, _SHIPPED, _NOT_DELIVERED, _CANCELLED)),
    (3, True, (_PLACED, _PAID, _SHIPPED, _DELIVERED, _REFUNDED)),
)
_WAY_OF_PERCENT = bytes(number for number, (percent, _, _) in enumerate(_SHARES) for _ in range(percent))
_UNIT = 1 / 2**64


class Way(NamedTuple):
    is_sent: bool
    steps: tuple[Step, ...]


WAYS = tuple(Way(is_sent, steps) for _, is_sent, steps in _SHARES)


def find_way(seed: int) -> Way:
    return WAYS[_WAY_OF_PERCENT[(seed >> 16) % 100]]


def list_moments(seed: int, way: Way, created_us: int) -> tuple[int, ...]:
    """When each step is taken, if nobody interferes: whole milliseconds, each later than the one before."""
    moments, at = [], created_us
    for number, step in enumerate(way.steps):
        least, most = step.wait_us
        draw = mix(seed, 100 + number) * _UNIT
        at += int(least + (most - least) * draw * draw) // MS_US * MS_US
        moments.append(at)
    return tuple(moments)


class Standing(NamedTuple):
    """Where a sale stands: the steps it took and when each was taken."""

    steps: tuple[Step, ...]
    moments: tuple[int, ...]

    @property
    def last(self) -> Step:
        return self.steps[-1]

    @property
    def order_status(self) -> str:
        return next(step.order for step in reversed(self.steps) if step.order is not None)

    @property
    def shipment_status(self) -> str:
        return next(step.shipment for step in reversed(self.steps) if step.shipment is not None)

    @property
    def order_changed_us(self) -> int:
        return max(at for step, at in zip(self.steps, self.moments, strict=True) if step.order is not None)

    @property
    def shipment_changed_us(self) -> int:
        return max(at for step, at in zip(self.steps, self.moments, strict=True) if step.shipment is not None)

    def find(self, name: str) -> int | None:
        """When the step of that name was taken."""
        return next((at for step, at in zip(self.steps, self.moments, strict=True) if step.name == name), None)

    def take(self, step: Step, at: int) -> "Standing":
        return Standing((*self.steps, step), (*self.moments, at))
