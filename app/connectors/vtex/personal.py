"""Personal text of a VTEX document: as any text, but a masked value is dropped."""

from app.connectors.reading import JsonObject
from app.connectors.vtex.email import is_masked


def find_personal_text(source: JsonObject, *names: str, chars_max: int = 200) -> str | None:
    """The text, or None when it is not there or VTEX masked it (`J***`)."""
    value = source.find_text(*names, chars_max=chars_max)
    return None if value is None or is_masked(value) else value
