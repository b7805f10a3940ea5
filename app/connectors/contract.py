"""What a connector is: the results of parsing a call, and the declaration that forms, checks and docs follow from.

A connector is one folder under app/connectors with a `declaration.py` that holds `CONNECTOR`; adding one touches
nothing else. It knows HTTP and records, never the database or the queue. Parsers and mappers are pure and raise
nothing but MappingError.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from app.core.errors import MappingError
from schemas.events import EventAction, EventKind
from schemas.records import Record, RecordStream


class Hint(NamedTuple):
    """A call that points at something: never trusted as data, only as a reason to read the object again.

    `account` and `app_key` are what the call itself says (lower-case; None: it does not say). Whether they are the
    endpoint's own is for the receiver to check. `state` and `stamp` (UTC) are what the call told of.
    `profile_id`: the shopper's id beside the document's, where the call has it: it saves a look-up.
    """

    account: str | None
    app_key: str | None
    kind: EventKind
    action: EventAction
    object_id: str
    state: str | None
    stamp: datetime | None
    profile_id: str | None = None


class Ping(NamedTuple):
    """A provider's check that the address answers. It is answered 200 and does nothing else."""


class Ignored(NamedTuple):
    """A call that is understood and not wanted. `reason` is a stable word, safe to count by."""

    reason: str


Call = Hint | Ping | Ignored


class Field(NamedTuple):
    """One field of an integration's configuration or credentials.

    `pattern` must match the whole value; `choices` are the only values allowed. A secret is sealed, shown masked and
    never returned.
    """

    name: str
    label: str
    help: str
    is_secret: bool = False
    is_required: bool = True
    default: str | None = None
    pattern: str | None = None
    choices: tuple[str, ...] = ()
    chars_max: int = 200


class Stream(NamedTuple):
    """One kind of thing the connector can deliver, and the provider's permission that it needs."""

    name: RecordStream
    label: str
    permission: str


class Endpoint(NamedTuple):
    """One kind of address that the provider calls. `is_retried`: the sender repeats a refused call."""

    kind: str
    stream: RecordStream | None
    label: str
    authentication: Literal["secret_header", "address", "signature"]
    is_retried: bool


class Connector(NamedTuple):
    """The declaration of one connector. `mappers` take one decoded JSON document each."""

    name: str
    label: str
    mapper_version: int
    config: tuple[Field, ...]
    credentials: tuple[Field, ...]
    streams: tuple[Stream, ...]
    endpoints: tuple[Endpoint, ...]
    mappers: Mapping[RecordStream, Callable[[object], Record]]


def check_fields(fields: tuple[Field, ...], values: Mapping[str, object]) -> dict[str, str]:
    """The values of declared fields, defaults filled in. Raises MappingError naming the first wrong or unknown field.

    The message never repeats a value: it may be a secret.
    """
    known = {field.name for field in fields}
    for name in values:
        if name not in known:
            raise MappingError(name, f"is not a field of this connector; known: {', '.join(sorted(known))}")
    checked = ((field.name, _check_field(field, values.get(field.name))) for field in fields)
    return {name: value for name, value in checked if value is not None}


def _check_field(field: Field, value: object) -> str | None:
    if value is None or value == "":
        if field.default is None and field.is_required:
            raise MappingError(field.name, f"is missing: {field.help}")
        return field.default
    if not isinstance(value, str):
        raise MappingError(field.name, "is not a text")
    if len(value) > field.chars_max:
        raise MappingError(field.name, f"is longer than {field.chars_max} characters")
    if field.choices and value not in field.choices:
        raise MappingError(field.name, f"is none of {', '.join(field.choices)}")
    if field.pattern is not None and not re.fullmatch(field.pattern, value):
        raise MappingError(field.name, f"has not the expected form: {field.help}")
    return value
