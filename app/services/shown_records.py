"""Stored rows as the API shows them: opened, masked unless revealed, with their source and times."""

from collections.abc import Mapping
from typing import Any

from app.core.sealing import TenantKeys
from app.services.ids import write_record_id
from app.services.masking import mask_personal, reveal_personal
from app.services.merge import Known
from app.services.sealed_rows import open_customer, open_order
from db.orders import OrderItemRow
from db.versions import Key
from schemas.records import OrderRecord
from schemas.shown_records import CustomerShown, OrderShown, ValueTime

_NOT_SHOWN = {"external_id", "source_updated_at", "is_deleted", "missing", "items"}


def show_customer(keys: TenantKeys, key: Key, row: Mapping[str, Any], *, is_revealed: bool) -> CustomerShown:
    """A row of `get_customers`. Raises SealingError."""
    known = open_customer(keys, key, row)
    return CustomerShown.model_validate(_show(key, row, known, is_revealed=is_revealed))


def show_order(
    keys: TenantKeys, key: Key, row: Mapping[str, Any], items: list[OrderItemRow] | None, *, is_revealed: bool
) -> OrderShown:
    """A row of `get_orders`. `items`: None when they are not to be shown. Raises SealingError."""
    known = open_order(keys, key, row, items or [])
    assert isinstance(known.record, OrderRecord)
    shown = _show(key, row, known, is_revealed=is_revealed)
    shown["items"] = None if items is None else [item.model_dump() for item in known.record.items]
    return OrderShown.model_validate({**shown, "item_count": row["item_count"]})


def _show(key: Key, row: Mapping[str, Any], known: Known, *, is_revealed: bool) -> dict[str, Any]:
    record, version = known.record, known.version
    personal = reveal_personal(record) if is_revealed else mask_personal(record)
    return {
        **record.model_dump(exclude=set(record.PERSONAL) | _NOT_SHOWN),
        **personal,
        **key._asdict(),
        "id": write_record_id(key),
        "source_updated_at": version.source_updated_at,
        "observed_at": version.observed_at,
        "first_seen_at": row["created_at"],
        "updated_at": row["updated_at"],
        "revision": row["revision"],
        "mapper_version": version.mapper_version,
        "is_deleted": record.is_deleted,
        "deleted_at": row["deleted_at"],
        "is_masked": not is_revealed,
        "values_from": {
            name: None
            if told is None
            else ValueTime(source_updated_at=told.source_updated_at, observed_at=told.observed_at)
            for name, told in known.older.items()
        },
    }
