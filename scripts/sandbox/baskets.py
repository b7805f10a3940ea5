"""What was bought: the draw that an order's total is made of, before all others of its document."""

from random import Random
from typing import NamedTuple

from scripts.sandbox.names import PRODUCTS


class Line(NamedTuple):
    """`product`: its number in PRODUCTS. Amounts of one piece, in cents."""

    product: int
    price: int
    discount: int
    quantity: int


class Basket(NamedTuple):
    """What an order's total is made of. Drawn first, so that lists know a total without the whole document."""

    lines: list[Line]
    shipping: int
    has_two_sellers: bool

    @property
    def gross(self) -> int:
        return sum(line.price * line.quantity for line in self.lines)

    @property
    def net(self) -> int:
        return sum((line.price - line.discount) * line.quantity for line in self.lines)

    @property
    def total(self) -> int:
        return self.net + self.shipping

    @property
    def pieces(self) -> int:
        return sum(line.quantity for line in self.lines)


def draw_basket(random: Random) -> Basket:
    has_two_sellers = random.random() < 0.08
    lines = [_draw_line(random) for _ in range(random.choice((1, 1, 1, 2, 2, 3)) + has_two_sellers)]
    return Basket(lines, random.choice((0, 0, 349_900, 589_900)), has_two_sellers)


def _draw_line(random: Random) -> Line:
    product = random.randrange(len(PRODUCTS))
    price = PRODUCTS[product][2]
    discount = price // 10 if random.random() < 0.3 else 0
    quantity = random.randint(60, 400) if random.random() < 0.01 else random.choice((1, 1, 1, 1, 2, 3))
    return Line(product, price, discount, quantity)
