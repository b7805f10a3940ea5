"""Seeded Argentine shoppers: names, DNI and CUIT with a true check digit, phones as people write them, addresses."""

import unicodedata
from functools import cache
from random import Random
from typing import NamedTuple

from scripts.sandbox.names import COMPANIES, FIRST_NAMES, LAST_NAMES, MAIL_HOSTS, PLACES, STREETS, Place

_CUIT_WEIGHTS = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)


class Person(NamedTuple):
    first_name: str
    last_name: str
    email: str
    dni: str
    phone: str
    place: Place
    street: str
    number: str
    complement: str | None
    neighborhood: str
    is_corporate: bool
    company: str | None
    cuit: str | None


def make_person(random: Random) -> Person:
    first_name, last_name = random.choice(FIRST_NAMES), random.choice(LAST_NAMES)
    place = random.choice(PLACES)
    dni = str(random.randint(8_000_000, 58_000_000))
    is_corporate = random.random() < 0.05
    return Person(
        first_name=first_name,
        last_name=last_name,
        email=_write_email(random, first_name, last_name),
        dni=dni,
        phone=_write_phone(random, place),
        place=place,
        street=random.choice(STREETS),
        number=str(random.randint(10, 9_800)),
        complement=f"{random.randint(1, 18)}º {random.choice('ABCD')}" if random.random() < 0.4 else None,
        neighborhood=random.choice(place.neighborhoods),
        is_corporate=is_corporate,
        company=f"{random.choice(COMPANIES)} S.R.L." if is_corporate else None,
        cuit=write_cuit("30", dni) if is_corporate else None,
    )


def write_cuit(prefix: str, dni: str) -> str:
    """A CUIT with its check digit (AFIP's modulo 11; a remainder of 10 takes the prefix 23)."""
    digits = prefix + dni.zfill(8)
    check = (11 - sum(int(digit) * weight for digit, weight in zip(digits, _CUIT_WEIGHTS, strict=True)) % 11) % 11
    if check == 10:
        return write_cuit("23" if prefix != "23" else "24", dni)
    return f"{digits[:2]}-{digits[2:]}-{check}"


def _write_email(random: Random, first_name: str, last_name: str) -> str:
    return f"{_write_local_part(first_name, last_name)}{random.randint(1, 99_999)}@{random.choice(MAIL_HOSTS)}"


@cache
def _write_local_part(first_name: str, last_name: str) -> str:
    plain = unicodedata.normalize("NFKD", f"{first_name}.{last_name}".lower()).encode("ascii", "ignore").decode()
    return plain.replace(chr(39), "")


def _write_phone(random: Random, place: Place) -> str:
    """As shops collect them: mostly E.164, sometimes with the local 0 and 15."""
    digits = 9 - len(place.area_code)
    local = f"{random.randrange(10**digits):0{digits}}"
    first = str(random.randint(2, 9))
    form = random.random()
    if form < 0.7:
        return f"+549{place.area_code}{first}{local}"
    if form < 0.85:
        return f"0{place.area_code} 15-{first}{local}"
    return f"{place.area_code}{first}{local}"
