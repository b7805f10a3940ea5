"""What a brand's own middleware sends: one provider-neutral document per signed call.

    {"type": "customer.upsert", "timestamp": "2026-01-31T12:00:00Z", "data": {"external_id": "c-1", …}}

Types: customer.upsert, customer.delete, order.upsert, order.delete. `data` holds the fields of CustomerRecord or
OrderRecord, whole: what is left out is empty, unless `missing` names it. A sender can mend its document, so unlike a
provider's it is held to its form: an unknown field is an error. `timestamp` (when it happened) stands in for a
`source_updated_at` that is not given.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from app.connectors.reading import (
    check_identifier,
    check_number,
    clean_text,
    parse_json,
    read_moment,
)
from app.core.errors import MappingError
from schemas.records import CustomerRecord, OrderRecord

MAPPER_VERSION = 1

TYPES: Mapping[str, tuple[type[CustomerRecord] | type[OrderRecord], bool]] = {
    "customer.upsert": (CustomerRecord, False),
    "customer.delete": (CustomerRecord, True),
    "order.upsert": (OrderRecord, False),
    "order.delete": (OrderRecord, True),
}
_DEPTH_MAX = 8
_TEXT_CHARS_MAX = 4_000
_NUMBERS = ("_minor", ".quantity", ".installments")
_STAMPS = ("source_created_at", "source_updated_at")
# A path stands in the ledger in the clear. What is no name of a field may be somebody's e-mail or number.
_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z_]{0,59}", re.ASCII)


def map_inline(body: bytes) -> CustomerRecord | OrderRecord:
    """The record of a call's raw body. Raises MappingError naming the path (`data.items[0].sku`), nothing else."""
    return map_inline_document(parse_json(body))


def map_inline_document(document: object) -> CustomerRecord | OrderRecord:
    """The record of a decoded call. Raises MappingError naming the path."""
    if not isinstance(document, dict):
        raise MappingError("$", "is not a JSON object")
    type_name = document.get("type")
    if not isinstance(type_name, str) or type_name not in TYPES:
        raise MappingError("type", f"is none of {', '.join(TYPES)}")
    model, is_deleted = TYPES[type_name]
    data = document.get("data")
    if not isinstance(data, dict):
        raise MappingError("data", "is missing" if data is None else "is not a JSON object")
    check_identifier(data.get("external_id"), "data.external_id")
    fields = {name: _clean(value, f"data.{_write_name(name)}", 1) for name, value in data.items()}
    if is_deleted:
        fields = {name: fields[name] for name in ("external_id", *_STAMPS) if name in fields}
    if fields.get("source_updated_at") is None:
        fields["source_updated_at"] = read_moment(document.get("timestamp"))
    fields["is_deleted"] = is_deleted
    return _validate(model, fields)


def _validate(model: type[CustomerRecord] | type[OrderRecord], fields: dict[str, Any]) -> CustomerRecord | OrderRecord:
    try:
        record = model.model_validate(fields)
    except ValidationError as error:
        # The first problem is enough to mend the document; its input is personal and is left out.
        problem = error.errors(include_input=False, include_url=False, include_context=False)[0]
        raise MappingError(_write_path(problem["loc"]), str(problem["msg"])) from None
    for name in record.missing:
        if name not in model.model_fields or name in ("external_id", "missing", "is_deleted"):
            raise MappingError("data.missing", "names a field that a record does not have")
    return record.model_copy(update=dict(_zone_times(record)))


def _zone_times(record: CustomerRecord | OrderRecord) -> Iterator[tuple[str, datetime | None]]:
    """Times as UTC, and placeholder years as none: the same rule as for providers."""
    for name in type(record).model_fields:
        value = getattr(record, name)
        if isinstance(value, datetime):
            yield name, read_moment(value.isoformat())


def _clean(value: object, path: str, depth: int) -> object:
    """The value with storable text. Raises MappingError for what no field can hold."""
    if path.endswith(_NUMBERS) and value is not None:
        return check_number(value, path)
    if isinstance(value, str):
        if len(value) > _TEXT_CHARS_MAX:
            raise MappingError(path, f"is longer than {_TEXT_CHARS_MAX} characters")
        return clean_text(value)
    if depth >= _DEPTH_MAX:
        raise MappingError(path, "is nested too deeply")
    if isinstance(value, list):
        return [_clean(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)]
    if isinstance(value, dict):
        return {name: _clean(item, f"{path}.{_write_name(name)}", depth + 1) for name, item in value.items()}
    return value


def _write_path(location: tuple[int | str, ...]) -> str:
    path = "data"
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{_write_name(part)}"
    return path


def _write_name(name: str) -> str:
    return name if _FIELD_NAME.fullmatch(name) else "?"
