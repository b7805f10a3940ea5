"""Records become rows and rows become records: typed columns for what is queried, one sealed blob for the rest.

The blob is a JSON object of the record's personal fields that are not empty. That of a partial row also has
`_versions`, a list, and `_fields`: field → its place in that list, or null for what nobody has told.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from app.core.identity import identities_of
from app.core.sealing import TenantKeys
from app.services.merge import AnyRecord, Known, make_tombstone
from db.customers import CustomerRow
from db.identities import pack_identities
from db.orders import OrderItemRow, OrderRow
from db.versions import Key, Version
from schemas.records import CustomerRecord, OrderItem, OrderRecord, cut_personal, write_json

CUSTOMER_PURPOSE = "customer.v1"
ORDER_PURPOSE = "order.v1"
_CUSTOMER_COLUMNS = ("source_created_at", "is_corporate", "accepts_marketing", "locale", "customer_class")
_ORDER_COLUMNS = (
    "source_created_at", "status", "status_class", "currency", "total_minor", "items_minor", "discounts_minor",
    "shipping_minor", "tax_minor", "sequence", "order_group", "origin", "sales_channel", "is_completed",
    "authorized_at", "invoiced_at", "canceled_at", "utm_source", "utm_medium", "utm_campaign", "coupon",
    "has_workflow_error",
)  # fmt: skip
_ORDER_DETAILS = {"payments", "sellers"}
_TIMES = frozenset({"source_created_at", "authorized_at", "invoiced_at", "canceled_at"})


# asyncpg writes datetime.min and max as -infinity and infinity, and reads those back without a zone.
_FIRST_MOMENT = datetime(1, 1, 1, microsecond=1, tzinfo=UTC)
_LAST_MOMENT = datetime(9999, 12, 31, 23, 59, 59, 999_998, tzinfo=UTC)


class Sealer(NamedTuple):
    """With what rows are sealed. `country`: the tenant's, for the normal forms of phones and tax numbers.
    `contents`: by content hash the JSON that it was made over, as far as it is at hand: it is not written again."""

    keys: TenantKeys
    country: str
    contents: Mapping[bytes, bytes] = MappingProxyType({})


class State(NamedTuple):
    """What is known of one object, to be stored as a row. `revision`: as in `CustomerRow`."""

    key: Key
    known: Known
    revision: int = 0


def make_customer_rows(sealer: Sealer, states: Sequence[State]) -> list[CustomerRow]:
    """The rows of what is known of profiles."""
    return list(map(_make_customer_row, states, _seal(sealer, states)))


def make_order_rows(sealer: Sealer, states: Sequence[State]) -> list[OrderRow]:
    """The rows of what is known of orders, with their lines."""
    return list(map(_make_order_row, states, _seal(sealer, states)))


def _make_customer_row(state: State, sealed: "_Sealed | None") -> CustomerRow:
    key, (record, version, older), revision = state
    assert isinstance(record, CustomerRecord)
    if sealed is None:
        return CustomerRow(key, version, revision, bool(older), deleted_at=version.source_updated_at)
    created_at = record.source_created_at and to_utc(record.source_created_at)
    # By position: by name it takes as long as sealing.
    return CustomerRow(
        key, version, revision, bool(older), None, created_at, record.is_corporate, record.accepts_marketing,
        record.locale, record.customer_class, *sealed,
    )  # fmt: skip


def _make_order_row(state: State, sealed: "_Sealed | None") -> OrderRow:
    key, known, revision = state
    record = known.record
    assert isinstance(record, OrderRecord)
    columns: dict[str, Any] = (
        {"deleted_at": known.version.source_updated_at, "status_class": "unknown"}
        if sealed is None
        else _read_columns(record) | sealed._asdict()
    )
    return OrderRow(
        key,
        known.version,
        revision,
        known.is_partial,
        **columns,
        details=_write_details(record),
        item_count=len(record.items),
        items=tuple(_make_item_row(item) for item in record.items),
    )


def make_same_customer_row(key: Key, known: Known, revision: int) -> CustomerRow:
    """As `make_customer_rows`, for content that is held already: only the observation moves, so nothing is sealed."""
    return CustomerRow(key, known.version, revision, **_read_columns(known.record), sealed=b"")


def make_same_order_row(key: Key, known: Known, revision: int) -> OrderRow:
    """As `make_order_rows`, for content that is held already."""
    record = known.record
    assert isinstance(record, OrderRecord)
    columns = _read_columns(record)
    return OrderRow(
        key,
        known.version,
        revision,
        **columns,
        details=_write_details(record),
        item_count=len(record.items),
        sealed=b"",
    )


def open_customer(keys: TenantKeys, key: Key, row: Mapping[str, Any]) -> Known:
    """What a stored profile says. Raises SealingError."""
    return _open(keys, CustomerRecord, key, row, {name: row[name] for name in _CUSTOMER_COLUMNS})


def open_order(keys: TenantKeys, key: Key, row: Mapping[str, Any], items: list[OrderItemRow]) -> Known:
    """What a stored order says. Raises SealingError."""
    values = {name: row[name] for name in _ORDER_COLUMNS} | orjson.loads(row["details"])
    values["items"] = [item._asdict() for item in items]
    return _open(keys, OrderRecord, key, row, values)


def to_utc(time: datetime) -> datetime:
    """The same moment in UTC, kept between the first and the last that can be stored: a year-1 stamp east of
    Greenwich lies before the first one."""
    if time.tzinfo is UTC and _FIRST_MOMENT <= time <= _LAST_MOMENT:
        return time
    try:
        return min(max(time.astimezone(UTC), _FIRST_MOMENT), _LAST_MOMENT)
    except OverflowError:
        return _FIRST_MOMENT if time.year == 1 else _LAST_MOMENT


class _Sealed(NamedTuple):
    """As a customer's row ends."""

    key_version: int
    identities: bytes
    sealed: bytes


def _seal(sealer: Sealer, states: Sequence[State]) -> list[_Sealed | None]:
    """The columns of both families that hold what is personal; None for a deletion.

    Each step is taken for all rows before the next: a processor whose caches hold one step's code takes a quarter less
    time than one that changes between them with every row.
    """
    keys, country = sealer.keys, sealer.country
    seal_version, index_version, blind_index = keys.seal_version, keys.index_version, keys.blind_index
    here = [state for state in states if not state.known.record.is_deleted]
    forms = [identities_of(known.record, country) for _, known, _ in here]
    identities = [
        pack_identities([(kind, index_version, blind_index(kind, form)) for kind, form in of_row]) for of_row in forms
    ]
    contents = [_write_personal(sealer, known) for _, known, _ in here]
    blobs = [
        keys.seal(ORDER_PURPOSE if isinstance(known.record, OrderRecord) else CUSTOMER_PURPOSE, key.natural, content)
        for (key, known, _), content in zip(here, contents, strict=True)
    ]
    sealed = (_Sealed(seal_version, *columns) for columns in zip(identities, blobs, strict=True))
    return [None if state.known.record.is_deleted else next(sealed) for state in states]


def _read_columns(record: AnyRecord) -> dict[str, Any]:
    names = _ORDER_COLUMNS if isinstance(record, OrderRecord) else _CUSTOMER_COLUMNS
    values = {name: getattr(record, name) for name in names}
    for name in _TIMES & values.keys():
        values[name] = values[name] and to_utc(values[name])
    return values


def _write_details(record: OrderRecord) -> str:
    return record.model_dump_json(include=_ORDER_DETAILS, exclude_defaults=True)


def _write_personal(sealer: Sealer, known: Known) -> bytes:
    record = known.record
    if not known.older:
        return cut_personal(record, sealer.contents.get(known.version.content_hash) or write_json(record))
    versions = sorted({version for version in known.older.values() if version is not None})
    places = {version: place for place, version in enumerate(versions)}
    blob = record.model_dump(mode="json", include=set(record.PERSONAL), exclude_defaults=True)
    blob["_versions"] = [
        (v.source_updated_at.isoformat(), v.mapper_version, v.observed_at.isoformat(), v.content_hash.hex())
        for v in versions
    ]
    blob["_fields"] = {name: None if version is None else places[version] for name, version in known.older.items()}
    return orjson.dumps(blob)


def _open(keys: TenantKeys, kind: type[AnyRecord], key: Key, row: Mapping[str, Any], values: dict[str, Any]) -> Known:
    version = Version(row["source_updated_at"], row["mapper_version"], row["observed_at"], row["content_hash"])
    if row["deleted_at"] is not None:
        tombstone = kind(external_id=key.external_id, source_updated_at=version.source_updated_at, is_deleted=True)
        return Known(make_tombstone(tombstone), version, {})
    purpose = ORDER_PURPOSE if kind is OrderRecord else CUSTOMER_PURPOSE
    blob = orjson.loads(keys.open(purpose, key.natural, row["sealed"]))
    versions = [
        Version(datetime.fromisoformat(stamp), mapper, datetime.fromisoformat(observed), bytes.fromhex(content_hash))
        for stamp, mapper, observed, content_hash in blob.pop("_versions", ())
    ]
    places: dict[str, int | None] = blob.pop("_fields", {})
    older = {name: None if place is None else versions[place] for name, place in places.items()}
    record = kind.model_validate(
        {
            **values,
            **blob,
            "external_id": key.external_id,
            "source_updated_at": version.source_updated_at,
            "missing": tuple(name for name, version_of in older.items() if version_of is None),
        }
    )
    return Known(record, version, older)


def _make_item_row(item: OrderItem) -> OrderItemRow:
    return OrderItemRow(
        item.line_id, item.sku, item.product_id, item.name, item.seller, item.quantity, item.unit_price_minor,
        item.list_price_minor, item.total_minor, item.is_gift,
    )  # fmt: skip
