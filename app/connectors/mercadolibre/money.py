"""MercadoLibre's amounts: JSON numbers in major units with the noise of binary fractions, some with a currency of their
own."""

from decimal import Decimal

from app.connectors.money import find_digits, read_decimal, scale
from app.connectors.reading import JsonObject
from app.core.errors import MappingError


def find_amount(source: JsonObject, name: str) -> Decimal | None:
    """The number as it is written. Raises MappingError for what is none."""
    value, path = source.get(name)
    return None if value in ({}, []) else read_decimal(value, path)


def find_minor(source: JsonObject, name: str, currency: str | None) -> int | None:
    """In minor units of `currency`; None where there is none, or where the amount says that it is of another one."""
    amount = find_amount(source, name)
    if amount is None:
        return None
    own = source.find_text("currency_id", chars_max=20)
    if own is not None and currency is not None and own.upper() != currency:
        return None
    return to_minor(amount, currency, source.get(name)[1])


def to_minor(amount: Decimal, currency: str | None, path: str) -> int:
    """Raises MappingError where the document names no currency: its amounts have no unit then."""
    if currency is None:
        raise MappingError("currency_id", "is missing: amounts have no unit without it")
    return scale(amount, find_digits(currency), path)
