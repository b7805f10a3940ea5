"""A seller who lives: sales made of a seed when they are read, changes over time, and what is told of them."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any, Literal, NamedTuple, get_args
from uuid import UUID

from scripts.sandbox.seeds import hash_words
from scripts.sandbox.sellers.notifications import Callback, Mailbox, Messenger, write_missed
from scripts.sandbox.sellers.sale_book import ORDERS, PAYMENTS, SHIPMENTS, SaleBook
from scripts.sandbox.sellers.texts import write_now
from scripts.sandbox.sellers.ways import MS_US
from scripts.sandbox.times import parse_us, to_us

HISTORY_DAYS = 360.0  # all of it can be listed: a search reaches twelve months back
_DAY_US = 86_400_000_000

Action = Literal["create", "advance", "cancel"]
Telling = Literal["send", "none", "miss"]


class Pointer(NamedTuple):
    topic: str
    resource: str


class LivingSeller:
    """`stock`: `{orders, history_days?, stocked_until?, seed?}`; the same make the same sales. `seed`: of what happens
    then."""

    def __init__(self, user_id: str, stock: dict[str, Any], *, seed: int, mailbox: Mailbox) -> None:
        self.user_id = user_id
        self.mailbox = mailbox
        self.callback: Callback | None = None
        self.random = Random(f"{seed}:{user_id}")
        made_of = hash_words(stock.get("seed", 1), user_id)
        self.book = SaleBook(made_of, first_number=made_of % 9_000 * 10**8)
        until_us = parse_us(stock["stocked_until"]) if "stocked_until" in stock else to_us(datetime.now(UTC))
        begin_us = until_us - int(float(stock.get("history_days", HISTORY_DAYS)) * _DAY_US)
        self.book.stock(int(stock["orders"]), begin_us, until_us)
        self._now_us = until_us
        self._open_stocked = list(self.book.list_open())
        self._open_made: list[int] = []

    def tick(self) -> int:
        """Now, whole milliseconds, later than every change before."""
        self._now_us = max(to_us(datetime.now(UTC)), self._now_us + MS_US) // MS_US * MS_US
        return self._now_us

    def change(self, action: Action, order_id: str | None = None) -> list[int]:
        """Creates an order or a cart, or moves one on: that, or an open one. Ordinals of what changed; none when it
        has ended. Raises ValueError for another action, LookupError for an unknown order."""
        if action not in get_args(Action):
            raise ValueError(f"action: one of {', '.join(get_args(Action))}")
        if action == "create":
            made = self.book.create(self.tick(), self.random)
            self._open_made += made[:1]
            return made
        chosen = self._find(order_id) if order_id is not None else self.choose_open()
        if chosen is None:
            return []
        return self.book.advance(chosen, self.tick(), cancels=action == "cancel")

    def _find(self, order_id: str) -> int:
        sale = self.book.find(order_id, ORDERS)
        if sale is None:
            raise LookupError(f"no order {order_id}")
        return sale.ordinal

    def choose_open(self, *, is_new: bool = False) -> int | None:
        """A sale that can still move, at random. `is_new`: not of the stock, which stays as it is when a sandbox is
        started again."""
        stocked = 0 if is_new else len(self._open_stocked)
        for _ in range(stocked + len(self._open_made)):
            at = self.random.randrange(stocked + len(self._open_made))
            leaders, at = (self._open_stocked, at) if at < stocked else (self._open_made, at - stocked)
            if not self.book.has_ended(leaders[at]):
                return leaders[at]
            leaders[at] = leaders[-1]
            leaders.pop()
            stocked = 0 if is_new else len(self._open_stocked)
        return None

    def write_order_id(self, ordinal: int) -> str:
        return str(ORDERS + self.book.numbers[ordinal])

    def list_pointers(self, ordinals: Sequence[int]) -> list[Pointer]:
        """What is to be told of the last step of these orders: of each order and payment, of the shipment once."""
        if not ordinals:
            return []
        found: list[Pointer] = []
        topics = self.book.standing_of(ordinals[0]).last.tells
        for ordinal in ordinals:
            sale = self.book.at(ordinal)
            if "orders_v2" in topics:
                found.append(Pointer("orders_v2", f"/orders/{ORDERS + sale.number}"))
            if "payments" in topics and (sale.standing.find("paid") or sale.standing.find("in_process")):
                found.append(Pointer("payments", f"/collections/{PAYMENTS + sale.number}"))
            if "shipments" in topics and sale.is_sent and ordinal == ordinals[0]:
                found.append(Pointer("shipments", f"/shipments/{SHIPMENTS + sale.cart[0]}"))
        return found

    def tell(
        self, messenger: Messenger, pointers: Iterable[Pointer], how: Telling = "send"
    ) -> list["asyncio.Task[int]"]:
        """Deliveries under way. `miss`: none is sent, all are on the list of missed ones."""
        callback, tasks = self.callback, []
        for pointer in pointers:
            if callback is None or (callback.topics is not None and pointer.topic not in callback.topics):
                continue
            note = self._write_note(callback, pointer)
            if how == "miss":
                self.mailbox.miss(write_missed(callback, note | {"attempts": callback.retries.tries_max}, 0, 0.5))
            elif how == "send":
                tasks.append(messenger.send(callback, self.mailbox, note))
        return tasks

    def _write_note(self, callback: Callback, pointer: Pointer) -> dict[str, Any]:
        now = write_now()
        application = callback.application_id
        return {
            "_id": str(UUID(int=self.random.getrandbits(128), version=4)),
            "resource": pointer.resource,
            "user_id": int(self.user_id),
            "topic": pointer.topic,
            "application_id": int(application) if application.isdecimal() else application,
            "attempts": 1,
            "sent": now,
            "received": now,
        }

    def show(self) -> dict[str, Any]:
        return {"orders": len(self.book), "has_callback": self.callback is not None, **self.mailbox.tally}
