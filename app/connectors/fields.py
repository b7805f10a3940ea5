"""Values checked against a declaration: what a form, the API and the command line have in common."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from app.connectors.contract import Connector, Field
from app.connectors.frequency import parse_frequency
from app.core.errors import MappingError

_ACCOUNT_CHARS_MAX = 200


class Form(NamedTuple):
    """An integration's checked values: what may be shown, and what is sealed."""

    config: dict[str, str]
    credentials: dict[str, str]


def read_form(connector: Connector, values: Mapping[str, object]) -> Form:
    """Configuration and credentials given in one object, taken apart. Raises MappingError as `check_fields` does."""
    checked = check_fields((*connector.config, *connector.credentials), values)
    sealed = {field.name for field in connector.credentials}
    return Form(
        {name: value for name, value in checked.items() if name not in sealed},
        {name: value for name, value in checked.items() if name in sealed},
    )


def check_fields(fields: tuple[Field, ...], values: Mapping[str, object]) -> dict[str, str]:
    """The values of declared fields by their own names, defaults filled in. Raises MappingError naming the first wrong
    or unknown field.

    The message never repeats a value: it may be a secret.
    """
    known = {name for field in fields for name in (field.name, *field.aliases)}
    for name in values:
        if name not in known:
            raise MappingError(name, f"is not a field of this connector; known: {', '.join(sorted(known))}")
    checked = ((field.name, _check_field(field, *_choose_value(field, values))) for field in fields)
    return {name: value for name, value in checked if value is not None}


def find_missing(fields: Iterable[Field], values: Mapping[str, str]) -> list[Field]:
    """The fields without which nothing can be read, and which are not given."""
    return [field for field in fields if field.is_needed_to_sync and not values.get(field.name)]


def name_account(connector: Connector, config: Mapping[str, str]) -> str:
    """The account's name at the provider, or what stands for it until the provider has told it.

    A stand-in (`MLA/1234`) is never an account's own name, and no row may be stored under it.
    """
    account = config.get(connector.account_field)
    return account or "/".join(config[name] for name in connector.account_stand_in)[:_ACCOUNT_CHARS_MAX]


def _choose_value(field: Field, values: Mapping[str, object]) -> tuple[str, object]:
    """The name under which the field was given, and its value there."""
    given = [(name, values[name]) for name in (field.name, *field.aliases) if values.get(name) not in (None, "")]
    if not given:
        return field.name, None
    name, value = given[0]
    for other, other_value in given[1:]:
        if other_value != value:
            raise MappingError(other, f"is the same field as {name}, and says something else")
    return name, value


def _check_field(field: Field, name: str, value: object) -> str | None:
    """`name`: under which it was given, for the message."""
    if value is None:
        if field.default is None and field.is_required:
            raise MappingError(name, f"is missing: {field.help}")
        return field.default
    if not isinstance(value, str):
        raise MappingError(name, "is not a text")
    if len(value) > field.chars_max:
        raise MappingError(name, f"is longer than {field.chars_max} characters")
    if field.choices and value not in field.choices:
        raise MappingError(name, f"is none of {', '.join(field.choices)}")
    if field.form == "frequency":
        return _check_frequency(name, value)
    if field.pattern is None:
        return value
    found = re.fullmatch(field.pattern, value)
    if found is None:
        raise MappingError(name, f"has not the expected form: {field.help}")
    return found.expand(field.kept_as) if field.kept_as is not None else value


def _check_frequency(name: str, value: str) -> str:
    try:
        parse_frequency(value)
    except ValueError as error:
        raise MappingError(name, str(error)) from None
    return value
