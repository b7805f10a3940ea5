"""Text of a VTEX document that is personal, and text that must not be."""

from collections.abc import Iterable

from app.connectors.reading import JsonObject
from app.connectors.vtex.email import is_masked

PersonalField = tuple[str, str, int]  # our name, the document's, and how many characters are kept


def find_personal_text(source: JsonObject, name: str, chars_max: int = 200) -> str | None:
    """The text, or None when it is not there or VTEX masked it (`J***`)."""
    value = source.find_text(name, chars_max=chars_max)
    return None if value is None or ("*" in value and is_masked(value)) else value


def find_personal_texts(source: JsonObject, fields: Iterable[PersonalField]) -> dict[str, str | None]:
    """As `find_personal_text`, of many fields at once: nearly all values are short text that is kept as it stands."""
    texts: dict[str, str | None] = {}
    peek = source.peek
    for field, name, chars_max in fields:
        value = peek(name)
        if value is None:
            texts[field] = None
        elif type(value) is str and len(value) <= chars_max and "*" not in value and value.isprintable():
            texts[field] = value.strip() or None
        else:
            texts[field] = find_personal_text(source, name, chars_max)
    return texts


def find_open_text(source: JsonObject, *names: str, chars_max: int = 200) -> str | None:
    """A text that is stored in the clear. Campaign links carry e-mail addresses where a mailing was set up wrongly:
    such a value is dropped."""
    value = source.find_text(*names, chars_max=chars_max)
    return None if value is None or "@" in value or "%40" in value else value
