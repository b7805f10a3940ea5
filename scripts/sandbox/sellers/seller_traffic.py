"""A demo's sellers: something happens every few seconds, and MercadoLibre tells of it as it does, twice at times and
about nothing at others."""

import asyncio
from collections.abc import Sequence
from random import Random

from scripts.sandbox.sellers.living import LivingSeller, Pointer
from scripts.sandbox.sellers.notifications import Messenger
from scripts.sandbox.sellers.sale_book import ORDERS

DUPLICATES, IDLE, NEW = 0.1, 0.05, 0.3  # as many sales begin as end


class SellerTraffic:
    """Until stopped, `rate_per_s` changes of all sellers together."""

    def __init__(self, sellers: Sequence[LivingSeller], messenger: Messenger, rate_per_s: float, seed: int) -> None:
        self._sellers = sellers
        self._messenger = messenger
        self._pause_s = 1 / rate_per_s
        self._random = Random(f"{seed}:sellers")
        self._task = asyncio.create_task(self._go())

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _go(self) -> None:
        while True:
            self._change(self._random.choice(self._sellers))
            await asyncio.sleep(self._pause_s * (0.5 + self._random.random()))

    def _change(self, seller: LivingSeller) -> None:
        random = self._random
        if random.random() < IDLE and len(seller.book):  # of an order that shows nothing new
            number = seller.book.numbers[random.randrange(len(seller.book))]
            seller.tell(self._messenger, [Pointer("orders_v2", f"/orders/{ORDERS + number}")])
            return
        chosen = None if random.random() < NEW else seller.choose_open(is_new=True)
        changed = seller.change("create") if chosen is None else seller.book.advance(chosen, seller.tick())
        pointers = seller.list_pointers(changed)
        seller.tell(self._messenger, pointers)
        if random.random() < DUPLICATES:
            seller.tell(self._messenger, pointers)
