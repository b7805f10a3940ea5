"""Text of a VTEX document that is personal, and text that must not be."""

from app.connectors.reading import JsonObject
from app.connectors.vtex.email import is_masked


def find_personal_text(source: JsonObject, name: str, chars_max: int = 200) -> str | None:
    """The text, or None when it is not there or VTEX masked it (`J***`)."""
    value = source.find_text(name, chars_max=chars_max)
    return None if value is None or ("*" in value and is_masked(value)) else value


def find_open_text(source: JsonObject, *names: str, chars_max: int = 200) -> str | None:
    """A text that is stored in the clear. Campaign links carry e-mail addresses where a mailing was set up wrongly:
    such a value is dropped."""
    value = source.find_text(*names, chars_max=chars_max)
    return None if value is None or "@" in value or "%40" in value else value
