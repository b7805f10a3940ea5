"""One order: what moves is kept, the document that VTEX would show of it is made of a seed when somebody reads it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from scripts.sandbox.baskets import draw_basket
from scripts.sandbox.customers import Customer
from scripts.sandbox.names import CANCEL_REASONS
from scripts.sandbox.order_document import write_document
from scripts.sandbox.seeds import Dice, mix
from scripts.sandbox.times import write_offset, write_z
from scripts.sandbox.workflow import WAYS, find_way

GUEST_PERCENT = 12
_TAIL = 1
_COURIERS = ("Andreani", "OCA", "Correo Argentino")
_NO_PATCH: Mapping[str, Any] = {}


class Standing(NamedTuple):
    """Where an order stands. `total_minor` None: what its basket says. `patch` and `still` are what tests wrote over
    its document: the moving part of it, and all the rest as JSON without the opening brace."""

    position: int
    status: str
    changed_at: datetime
    changed_before: datetime | None = None
    authorized_at: datetime | None = None
    invoiced_at: datetime | None = None
    canceled_at: datetime | None = None
    is_in_error: bool = False
    total_minor: int | None = None
    patch: Mapping[str, Any] = _NO_PATCH
    still: bytes | None = None


class Order:
    """`ordinal`: its number in its store. The part of the document that does not move is kept as JSON once it was
    read, so that showing it again costs microseconds; `forget_document` gives the memory back."""

    __slots__ = (
        "_keeps_document",
        "_still",
        "_total",
        "account",
        "before",
        "created_at",
        "now",
        "number",
        "ordinal",
        "seed",
        "shopper",
        "way",
    )

    def __init__(
        self,
        account: str,
        number: int,
        *,
        seed: int,
        shopper: Customer,
        created_at: datetime,
        ordinal: int = 0,
        now: Standing | None = None,
    ) -> None:
        self.account = account
        self.number = number
        self.ordinal = ordinal
        self.seed = seed
        self.shopper = shopper
        self.created_at = created_at
        self.way = WAYS[find_way(seed)]
        self.now = now or Standing(0, self.way[0], created_at)
        self.before = self.now
        self._still: bytes | None = None
        self._total: int | None = None
        self._keeps_document = True

    @property
    def order_id(self) -> str:
        return write_order_id(self.number)

    @property
    def sequence(self) -> str:
        return write_sequence(self.number)

    @property
    def status(self) -> str:
        return self.now.status

    @property
    def position(self) -> int:
        return self.now.position

    @property
    def total_minor(self) -> int:
        if self.now.total_minor is not None:
            return self.now.total_minor
        if self._total is None:
            self._total = draw_total(self.seed)
        return self._total

    @property
    def is_finished(self) -> bool:
        return self.position >= len(self.way) - 1

    def show(self, *, is_stale: bool = False) -> bytes:
        """The document as JSON; `is_stale`: as it was before the last change."""
        standing = self.before if is_stale else self.now
        still = standing.still or self._read_still()
        return orjson.dumps(self._write_moving(standing))[:-1] + b"," + still

    def forget_document(self) -> None:
        """From now on it is made at every reading."""
        self._still, self._keeps_document = None, False

    def advance(self, now: datetime) -> None:
        """The next state of its way. Raises IndexError when there is none."""
        self._change(now, self.way[self.position + 1], self.position + 1)

    def force_status(self, status: str, now: datetime) -> None:
        """A state out of its way, with which it ends."""
        self._change(now, status, len(self.way) - 1)

    def patch(self, changes: Mapping[str, Any], now: datetime) -> None:
        """Overwrites parts of the document, objects merged; `lastChange` moves."""
        document = orjson.loads(self.show())
        _merge(document, changes)
        moving = {name: document.pop(name) for name in self._write_moving(self.now)}
        patch = {name: value for name, value in self.now.patch.items() if name != "lastChange"}
        value = document.get("value")
        standing = self._begin_change(now)
        self.now = standing._replace(
            status=str(changes.get("status", standing.status)),
            patch={**patch, **{name: moving[name] for name in changes if name in moving}},
            still=orjson.dumps(document)[1:],
            total_minor=value if isinstance(value, int) else standing.total_minor,
            is_in_error=bool(document.get("workflowIsInError")),
        )

    def _begin_change(self, now: datetime) -> Standing:
        self.before = self.now
        return self.now._replace(changed_at=now, changed_before=self.now.changed_at)

    def _change(self, now: datetime, status: str, position: int) -> None:
        standing = self._begin_change(now)._replace(status=status, position=position)
        overwritten = {"status", "lastChange"}
        if status == "payment-approved":
            standing = standing._replace(authorized_at=now)
            overwritten.add("authorizedDate")
        elif status == "invoiced":
            standing = standing._replace(invoiced_at=now)
            overwritten |= {"invoicedDate", "allowCancellation", "packageAttachment"}
        elif status == "canceled":
            standing = standing._replace(canceled_at=now)
            overwritten |= {"allowCancellation", "cancelReason", "cancellationData"}
        self.now = standing._replace(
            patch={name: value for name, value in standing.patch.items() if name not in overwritten}
        )

    def _read_still(self) -> bytes:
        if self._still is None:
            document = write_document(
                self.account,
                self.order_id,
                self.sequence,
                person=self.shopper.person,
                profile_id=None if is_guest_order(self.seed) else self.shopper.user_id,
                random=Dice(self.seed),
                now=self.created_at,
            )
            self._total = document["value"]
            still = orjson.dumps(document)[1:]
            self._still = still if self._keeps_document else None
            return still
        return self._still

    def _write_moving(self, standing: Standing) -> dict[str, Any]:
        is_ended = standing.invoiced_at is not None or standing.canceled_at is not None
        draw = mix(self.seed, _TAIL)
        reason = CANCEL_REASONS[draw % len(CANCEL_REASONS)] if standing.canceled_at else None
        return {
            "orderId": self.order_id,
            "status": standing.status,
            "statusDescription": "Pedido",
            "lastChange": write_offset(standing.changed_at),
            "authorizedDate": write_offset(standing.authorized_at) if standing.authorized_at else None,
            "invoicedDate": write_offset(standing.invoiced_at) if standing.invoiced_at else None,
            "cancelReason": reason,
            "cancellationData": _write_cancellation(reason, draw, standing.canceled_at)
            if standing.canceled_at
            else None,
            "isCompleted": standing.position > 0,
            "allowCancellation": not is_ended,
            "packageAttachment": {
                "packages": [_write_package(draw, standing.invoiced_at, self.total_minor)]
                if standing.invoiced_at
                else []
            },
            **standing.patch,
        }


def draw_total(seed: int) -> int:
    return draw_basket(Dice(seed)).total


def is_guest_order(seed: int) -> bool:
    return (seed >> 8) % 100 < GUEST_PERCENT


def write_order_id(number: int) -> str:
    return f"{number}-01"


def write_sequence(number: int) -> str:
    return str(number % 10**9)


def _merge(target: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(target.get(name), dict):
            _merge(target[name], value)
        else:
            target[name] = value


def _write_cancellation(reason: str | None, draw: int, canceled_at: datetime) -> dict[str, Any]:
    return {
        "RequestedByUser": draw >> 8 & 1 == 1,
        "RequestedBySystem": False,
        "RequestedBySellerNotification": False,
        "RequestedByPaymentNotification": False,
        "Reason": reason,
        "CancellationDate": write_z(canceled_at),
    }


def _write_package(draw: int, invoiced_at: datetime, total_minor: int) -> dict[str, Any]:
    return {
        "items": [{"itemIndex": 0, "quantity": 1, "price": 0, "description": None, "unitMultiplier": 0.0}],
        "courier": _COURIERS[draw % len(_COURIERS)],
        "invoiceNumber": f"0003-{draw % 10**8:08}",
        "invoiceValue": total_minor,
        "invoiceUrl": None,
        "issuanceDate": write_offset(invoiced_at),
        "trackingNumber": f"AR{draw >> 20:018}",
        "trackingUrl": None,
        "type": "Output",
        "courierStatus": {"status": None, "finished": False, "deliveredDate": None, "data": []},
        "restitutions": {},
    }
