"""Foreign amounts as integers in minor units, exactly: decimals as text or JSON numbers, and millionths.

How many decimals a currency has is ISO 4217's list; what is finer than its minor unit is rounded half away from zero.
JSON numbers are taken by their shortest text: 1562.1 is 1562.1 and not what a binary fraction makes of it.
"""

import math
import re
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final

from app.connectors.reading import check_integer
from app.core.errors import MappingError

MICRO_DIGITS: Final = 6
_NO_DECIMALS = (
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF",
    "XPF",
)  # fmt: skip
_THREE_DECIMALS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
_FOUR_DECIMALS = ("CLF", "UYW")
_DIGITS = {
    **dict.fromkeys(_NO_DECIMALS, 0),
    **dict.fromkeys(_THREE_DECIMALS, 3),
    **dict.fromkeys(_FOUR_DECIMALS, 4),
}
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?[0-9]{1,24}(?:\.[0-9]{0,24})?", re.ASCII)
_EXACT = Context(prec=100, rounding=ROUND_HALF_UP)
_WHOLE = Decimal(1)
# Far beyond 64 bits in any unit: what is larger is no amount, and writing it out would only take time.
_MAGNITUDE_MAX = 40


def find_digits(currency: str) -> int:
    """How many decimals a currency has; two for one that the list does not name."""
    return _DIGITS.get(currency, 2)


def read_currency(value: object, path: str) -> str:
    """An ISO 4217 code in upper case. Raises MappingError for what is none."""
    if value is None:
        raise MappingError(path, "is missing: amounts have no unit without it")
    code = value.strip().upper() if isinstance(value, str) else ""
    if not _CURRENCY.fullmatch(code):
        raise MappingError(path, "is not a currency code of three letters")
    return code


def read_decimal(value: object, path: str) -> Decimal | None:
    """A number or the text of one, exactly; None for null and blank text. Raises MappingError for everything else."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise MappingError(path, "is not a number")
    if isinstance(value, str):
        text = value.strip()
        if not _DECIMAL.fullmatch(text):
            raise MappingError(path, "is not a decimal number")
        return Decimal(text)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise MappingError(path, "is not a finite number")
        return Decimal(repr(value))
    return Decimal(check_integer(value, path))


def scale(amount: Decimal, digits: int, path: str) -> int:
    """The amount times 10**digits as a whole number. Raises MappingError when it does not fit into 64 bits."""
    if amount and amount.adjusted() > _MAGNITUDE_MAX:
        raise MappingError(path, "does not fit into 64 bits")
    return check_integer(int(amount.scaleb(digits, _EXACT).quantize(_WHOLE, context=_EXACT)), path)


def read_minor(value: object, currency: str, path: str) -> int | None:
    """An amount in major units (`14.35`) in minor ones; None where there is none."""
    amount = read_decimal(value, path)
    return None if amount is None else scale(amount, find_digits(currency), path)


def convert_micros(micros: int, currency: str, path: str) -> int:
    """Millionths of a currency in its minor units."""
    return scale(Decimal(micros), find_digits(currency) - MICRO_DIGITS, path)
