"""Masks for personal data: enough to recognise a value that one knows, too little to tell it. Pure.

Of a name no more than each part's first letter, of a phone or a document the last two digits, of an e-mail the first
letters and a short ending such as `.org`. Everything else that is personal is hidden, and so is a field without a rule.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from schemas.records import CustomerRecord, OrderRecord

HIDDEN = "…"
_LETTERS_MIN = 3  # of a part whose first letter may be shown: of "Al" it would be half
_DIGITS_MIN = 7  # of a number whose last two may be shown
_ENDING = re.compile(r"[A-Za-z]{2,3}", re.ASCII)


def mask_email(text: str) -> str:
    """`ana@example.org` → `a…@e….org`."""
    local, at, domain = text.rpartition("@")
    name, dot, ending = domain.rpartition(".")
    if not at or not dot:
        return HIDDEN
    return f"{_mask_part(local)}@{_mask_part(name)}.{ending if _ENDING.fullmatch(ending) else HIDDEN}"


def mask_name(text: str) -> str:
    """`Ana María` → `A… M…`. Parts, since a second surname helps to recognise somebody."""
    return " ".join(_mask_part(part) for part in text.split()) or HIDDEN


def mask_number(text: str) -> str:
    """`+54 11 4123-4567` → `…67`."""
    digits = [character for character in text if character.isalnum()]
    if len(digits) < _DIGITS_MIN or not digits[-1].isdigit() or not digits[-2].isdigit():
        return HIDDEN
    return HIDDEN + "".join(digits[-2:])


def hide(text: str) -> str:
    """Only that there is something."""
    del text
    return HIDDEN


RULES: Mapping[str, Callable[[str], str]] = {
    "email": mask_email,
    "phone": mask_number,
    "phones": mask_number,
    "document": mask_number,
    "corporate_document": mask_number,
    "first_name": mask_name,
    "last_name": mask_name,
    "corporate_name": mask_name,
    "trade_name": mask_name,
    "receiver_name": mask_name,
}


def mask_personal(record: CustomerRecord | OrderRecord) -> dict[str, Any]:
    """A record's personal fields as JSON values, masked."""
    return {name: _mask(name, getattr(record, name)) for name in record.PERSONAL}


def reveal_personal(record: CustomerRecord | OrderRecord) -> dict[str, Any]:
    """A record's personal fields as JSON values, as they are."""
    return record.model_dump(mode="json", include=set(record.PERSONAL))


def _mask(name: str, value: object) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, BaseModel):
        return {field: _mask(field, getattr(value, field)) for field in type(value).model_fields}
    if isinstance(value, tuple | list):
        return [_mask(name, item) for item in value]
    return RULES.get(name, hide)(str(value))


def _mask_part(text: str) -> str:
    return text[0] + HIDDEN if len(text) >= _LETTERS_MIN and text[0].isalnum() else HIDDEN
