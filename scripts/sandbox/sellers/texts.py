"""Times, amounts and names of products as MercadoLibre's answers have them."""

from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import NamedTuple

from scripts.sandbox.names import PRODUCTS
from scripts.sandbox.seeds import Dice
from scripts.sandbox.sellers.sites import Site
from scripts.sandbox.times import from_us

_LOCAL = timezone(timedelta(hours=-4))


class Line(NamedTuple):
    """`product`: its number in PRODUCTS. Prices of one piece, in minor units of the site's currency."""

    product: int
    price: int
    full_price: int
    quantity: int


def write_local(moment_us: int) -> str:
    """With milliseconds and an offset, which is seldom the reader's."""
    return from_us(moment_us).astimezone(_LOCAL).isoformat(timespec="milliseconds")


def write_utc(moment_us: int) -> str:
    return from_us(moment_us).isoformat(timespec="milliseconds")[:23] + "Z"


def write_now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")[:23] + "Z"


def write_amount(minor: int, site: Site) -> int | float:
    return minor if site.digits == 0 else minor / 10**site.digits


def draw_lines(seed: int, site: Site) -> list[Line]:
    """What was bought: the draw that an order's total is made of, before all others of its document."""
    random = Dice(seed)
    return [_draw_line(random, site) for _ in range(random.choice((1, 1, 1, 1, 2)))]


def find_total(seed: int, site: Site) -> int:
    """In minor units of the site's currency."""
    return sum(line.price * line.quantity for line in draw_lines(seed, site))


def _draw_line(random: Random, site: Site) -> Line:
    product = random.randrange(len(PRODUCTS))
    full_price = max(1, PRODUCTS[product][2] // site.centavos)
    discount = full_price * random.choice((0, 0, 0, 10, 15)) // 100
    return Line(product, full_price - discount, full_price, random.choice((1, 1, 1, 1, 2, 3)))
