"""Reading foreign JSON without being surprised by it.

`JsonObject` gives every value of a document by name as the type that is wanted, or None when it is not there. The
rules are the same for all connectors:

* null, missing, `{}`, `[]` and blank text are all "not there"; so is a value of another shape where only text was
  wanted. An array of one object passes for that object, and one object for an array of it.
* Numbers are exact or an error: what is there and cannot be kept as a signed 64-bit integer (a fraction, NaN, a
  boolean, words, 2**63) raises MappingError with the path of the value. A wrong amount is worse than a dead letter.
* Text is made storable: NUL characters are taken out, lone surrogates become U+FFFD, blanks around are cut, and what
  is longer than its limit is cut. Identifiers that name the object itself are never altered: see `get_identifier`.
* Times become UTC; without a zone they are taken as UTC. Years outside 1970 to 2199 mean "none" (.NET's year 1 and
  year 9999, SQL's 1753): a stamp far ahead would win over every later observation.
"""

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Self

import orjson

from app.core.errors import MappingError

INTEGER_MIN, INTEGER_MAX = -(2**63), 2**63 - 1
_EXACT_FLOAT_MAX = 2.0**53
_INTEGER_TEXT = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_CONTROLS = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_TRUE, _FALSE = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no"})
_INTEGER_DIGITS_MAX = 40


def parse_json(body: bytes) -> object:
    """The value of a JSON text. Raises MappingError("$") for what is none.

    Lone surrogates and NaN are let through: the reader of the field deals with them and can name it.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(body, parse_int=_parse_integer)
    except RecursionError:
        raise MappingError("$", "is nested too deeply") from None
    except ValueError:
        raise MappingError("$", "is not JSON") from None


def _parse_integer(digits: str) -> int | float:
    # Python refuses integers of more than 4,300 digits with an error that names no field.
    return int(digits) if len(digits) <= _INTEGER_DIGITS_MAX else math.inf


def clean_text(value: str) -> str:
    """The text without what Postgres cannot store: NUL is taken out, a lone surrogate becomes U+FFFD."""
    if not _UNSTORABLE.search(value):
        return value
    return _UNSTORABLE.sub("\ufffd", value.replace("\x00", ""))


def check_identifier(value: object, field: str, chars_max: int = 200) -> str:
    """A text that names an object at its source, unaltered. Raises MappingError for whatever else.

    It becomes part of a key and of a URL, so nothing is trimmed or replaced: an altered id is another object. Keys are
    kept in the clear, so an e-mail address is no identifier.
    """
    if not isinstance(value, str):
        raise MappingError(field, "is missing" if value is None else "is not a text")
    if not value.strip():
        raise MappingError(field, "is empty")
    if len(value) > chars_max:
        raise MappingError(field, f"is longer than {chars_max} characters")
    if _CONTROLS.search(value):
        raise MappingError(field, "holds control characters or lone surrogates")
    if value in (".", ".."):
        raise MappingError(field, "is a path, not an id")
    if "@" in value:
        raise MappingError(field, "holds an @: ids are kept in the clear, so send one that is no e-mail address")
    return value


class JsonObject:
    """One object of a foreign document with its path. Names given together are spellings of one field."""

    __slots__ = ("_values", "path", "peek")

    peek: Callable[[str], object]
    """The value as it stands in the document; None when it is not there."""

    def __init__(self, value: object, path: str = "") -> None:
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        self._values: dict[str, object] = value if isinstance(value, dict) else {}
        self.path = path
        self.peek = self._values.get  # the method itself: nothing is called as often

    def __bool__(self) -> bool:
        return bool(self._values)

    def has(self, name: str) -> bool:
        return name in self._values

    def get(self, *names: str) -> tuple[object, str]:
        """The first value that is there under any of the names, and its path."""
        for name in names:
            value = self._values.get(name)
            if value is not None:
                return value, self._path_of(name)
        return None, self._path_of(names[0])

    def get_object(self, *names: str) -> Self:
        value, path = self.get(*names)
        return type(self)(value, path)

    def get_objects(self, *names: str) -> list[Self]:
        """The objects of an array; what is no object in it is passed over."""
        value, path = self.get(*names)
        if isinstance(value, dict):
            value = [value] if value else []
        if not isinstance(value, list):
            return []
        return [type(self)(item, f"{path}[{index}]") for index, item in enumerate(value) if isinstance(item, dict)]

    def get_identifier(self, name: str) -> str:
        """The object's own id, unaltered. Raises MappingError when it is missing, empty or not a text."""
        return check_identifier(self._values.get(name), self._path_of(name))

    def find_text(self, name: str, *others: str, chars_max: int = 255) -> str | None:
        value = self.peek(name)
        if value is None:
            if not others:
                return None
            value = self._find_first(others)
            if value is None:
                return None
        if not isinstance(value, str):
            number = _write_number(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
            if number is None:
                return None
            value = number
        text = (value if value.isprintable() else clean_text(value)).strip()
        return (text if len(text) <= chars_max else text[:chars_max].strip()) or None

    def find_integer(self, *names: str) -> int | None:
        """A whole number of 64 bits. Raises MappingError for a value that is there and is none."""
        value, path = self.get(*names)
        if value is None or value in ({}, []):
            return None
        if isinstance(value, str):
            value = value.strip()
            if not value:
                return None
            if _INTEGER_TEXT.fullmatch(value):
                value = int(value)
        return check_number(value, path)

    def find_flag(self, *names: str) -> bool | None:
        value = self._find_first(names)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float) and value in (0, 1):
            return bool(value)
        if isinstance(value, str):
            word = value.strip().lower()
            return True if word in _TRUE else False if word in _FALSE else None
        return None

    def find_moment(self, *names: str) -> datetime | None:
        return read_moment(self._find_first(names))

    def find_day(self, *names: str) -> date | None:
        """A calendar day (a birthday); the time of day that some sources add is dropped."""
        value = self._find_first(names)
        if not isinstance(value, str):
            return None
        try:
            day = date.fromisoformat(value.strip()[:10])
        except ValueError:
            return None
        return day if 1850 <= day.year < 2200 else None

    def _find_first(self, names: tuple[str, ...]) -> object:
        """As `get` without the path: most fields cannot fail, and writing a path nobody reads is dear."""
        for name in names:
            value = self.peek(name)
            if value is not None:
                return value
        return None

    def _path_of(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


def check_integer(value: int, path: str) -> int:
    """The integer itself. Raises MappingError when it does not fit into 64 bits."""
    if not INTEGER_MIN <= value <= INTEGER_MAX:
        raise MappingError(path, "does not fit into 64 bits")
    return value


def check_number(value: object, path: str) -> int:
    """A JSON number as an exact integer of 64 bits. Raises MappingError for everything else."""
    if isinstance(value, bool):
        raise MappingError(path, "is a boolean where a number is expected")
    if isinstance(value, int):
        return check_integer(value, path)
    if isinstance(value, float):
        return _read_float(value, path)
    raise MappingError(path, "is not a whole number")


def read_moment(value: object) -> datetime | None:
    """An ISO 8601 time as aware UTC, cut to microseconds; None for what is none or means none."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        if moment.tzinfo is not UTC:
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):  # year 1 with an offset cannot be converted
        return None
    return moment if 1970 <= moment.year < 2200 else None


def find_latest(*moments: datetime | None) -> datetime | None:
    """The greatest of the stamps that are there."""
    return max([moment for moment in moments if moment is not None], default=None)


def _read_float(value: float, path: str) -> int:
    if not math.isfinite(value):
        raise MappingError(path, "is not a finite number of 64 bits")
    if not value.is_integer():
        raise MappingError(path, "is not a whole number")
    if abs(value) > _EXACT_FLOAT_MAX:
        raise MappingError(path, "does not fit into 64 bits exactly")
    return int(value)


def _write_number(value: float) -> str | None:
    if not math.isfinite(value) or not INTEGER_MIN <= value <= INTEGER_MAX:
        return None
    return str(int(value)) if value == int(value) else repr(value)
