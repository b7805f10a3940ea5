"""Cursors: where a page ended, as an opaque text. Not a secret and no authority: whose rows it walks through is decided
by the call, so a made-up one only begins somewhere else in the same tenant's rows."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from app.core.errors import FieldProblem, InvalidInputError

CURSOR_CHARACTERS_MAX = 2_000
T = TypeVar("T")


def write_cursor(place: object) -> str:
    """The text of a place: a NamedTuple of dates, numbers and texts."""
    return urlsafe_b64encode(TypeAdapter(type(place)).dump_json(place)).decode().rstrip("=")


def read_cursor(text: str, kind: type[T]) -> T:
    """The place that `write_cursor` wrote. Raises InvalidInputError for any other text."""
    try:
        if len(text) > CURSOR_CHARACTERS_MAX:
            raise ValueError
        raw = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        return TypeAdapter(kind).validate_json(raw)
    except (ValidationError, ValueError):
        problem = FieldProblem("/cursor", "is not a cursor of this list: begin without one")
        raise InvalidInputError(problem) from None
