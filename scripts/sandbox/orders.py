"""One order: what changes on its way, and the document that VTEX would show of it now."""

from collections.abc import Mapping
from datetime import datetime
from random import Random
from typing import Any

import orjson

from scripts.sandbox.names import CANCEL_REASONS
from scripts.sandbox.order_document import write_document
from scripts.sandbox.people import Person
from scripts.sandbox.times import write_offset, write_z
from scripts.sandbox.workflow import choose_way


class Order:
    """The part that never changes is kept as JSON bytes, so that showing a document costs microseconds."""

    __slots__ = (
        "_moving", "_still", "_still_before", "changed_at", "changed_before", "created_at", "order_id", "person",
        "position", "previous", "sequence", "total_minor", "way",
    )  # fmt: skip

    def __init__(
        self, account: str, number: int, *, person: Person, profile_id: str | None, random: Random, now: datetime
    ) -> None:
        self.order_id = f"{number}-01"
        self.sequence = str(number % 1_000_000 + 500_000)
        self.person = person
        self.way = choose_way(random)
        self.position = 0
        self.created_at = self.changed_at = now
        self.changed_before: datetime | None = None
        document = write_document(
            account, self.order_id, self.sequence, person=person, profile_id=profile_id, random=random, now=now
        )
        self.total_minor: int = document["value"]
        self._still = orjson.dumps(document)[1:]
        self._still_before = self._still
        self._moving: dict[str, Any] = {
            "orderId": self.order_id,
            "status": self.way[0],
            "statusDescription": "Pedido",
            "lastChange": write_offset(now),
            "authorizedDate": None,
            "invoicedDate": None,
            "cancelReason": None,
            "cancellationData": None,
            "isCompleted": False,
            "allowCancellation": True,
            "packageAttachment": {"packages": []},
        }
        self.previous = self._moving

    @property
    def status(self) -> str:
        return str(self._moving["status"])

    @property
    def is_finished(self) -> bool:
        return self.position == len(self.way) - 1

    def show(self, *, is_stale: bool = False) -> bytes:
        """The document as JSON; `is_stale`: as it was before the last change."""
        moving, still = (self.previous, self._still_before) if is_stale else (self._moving, self._still)
        return orjson.dumps(moving)[:-1] + b"," + still

    def advance(self, random: Random, now: datetime) -> None:
        """The next state of its way. Raises IndexError when there is none."""
        status = self.way[self.position + 1]
        self.position += 1
        moving = self._begin_change(now)
        moving["status"] = status
        if status == "on-order-completed":
            moving["isCompleted"] = True
        elif status == "payment-approved":
            moving["authorizedDate"] = write_offset(now)
        elif status == "invoiced":
            moving["invoicedDate"] = write_offset(now)
            moving["allowCancellation"] = False
            moving["packageAttachment"] = {"packages": [_write_package(self, random, now)]}
        elif status == "canceled":
            moving["allowCancellation"] = False
            moving["cancelReason"] = random.choice(CANCEL_REASONS)
            moving["cancellationData"] = {
                "RequestedByUser": random.random() < 0.5,
                "RequestedBySystem": False,
                "RequestedBySellerNotification": False,
                "RequestedByPaymentNotification": False,
                "Reason": moving["cancelReason"],
                "CancellationDate": write_z(now),
            }
        self._moving = moving

    def patch(self, changes: Mapping[str, Any], now: datetime) -> None:
        """Overwrites parts of the document, objects merged; `lastChange` moves."""
        document = orjson.loads(self.show())
        _merge(document, changes)
        moving = self._begin_change(now)
        for name in [name for name in document if name in moving]:
            value = document.pop(name)
            if name in changes:
                moving[name] = value
        self._still = orjson.dumps(document)[1:]
        value = document.get("value")
        self.total_minor = value if isinstance(value, int) else self.total_minor
        self._moving = moving

    def _begin_change(self, now: datetime) -> dict[str, Any]:
        self.changed_before, self.changed_at = self.changed_at, now
        self.previous, self._still_before = self._moving, self._still
        return {**self._moving, "lastChange": write_offset(now)}


def _merge(target: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(target.get(name), dict):
            _merge(target[name], value)
        else:
            target[name] = value


def _write_package(order: Order, random: Random, now: datetime) -> dict[str, Any]:
    return {
        "items": [{"itemIndex": 0, "quantity": 1, "price": 0, "description": None, "unitMultiplier": 0.0}],
        "courier": random.choice(("Andreani", "OCA", "Correo Argentino")),
        "invoiceNumber": f"0003-{random.randint(1, 99_999_999):08}",
        "invoiceValue": order.total_minor,
        "invoiceUrl": None,
        "issuanceDate": write_offset(now),
        "trackingNumber": f"AR{random.randint(10**8, 10**9)}",
        "trackingUrl": None,
        "type": "Output",
        "courierStatus": {"status": None, "finished": False, "deliveredDate": None, "data": []},
        "restitutions": {},
    }
