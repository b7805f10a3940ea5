"""Partial documents: per field, the newest observation that says something about it stands (P3).

What is known of an object is a map from field to value and version. Merging two such maps takes the greater version of
every field, which is associative, commutative and idempotent: any order and any repetition of observations ends in the
same map. A full document and a deletion speak about every field, a partial one about all but its `missing`.
"""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from db.versions import Version
from schemas.records import CustomerRecord, OrderRecord

AnyRecord = OrderRecord | CustomerRecord
_OF_THE_OBSERVATION = frozenset({"external_id", "source_updated_at", "is_deleted", "missing"})


class Known(NamedTuple):
    """What is known of one object.

    `record`: every field's newest value; its `missing` names the fields that nobody told. `version`: of the newest
    observation, whose deletion and stamp are the object's. `older`: the versions of the fields that do not come from
    that one; None for those that nobody told.
    """

    record: AnyRecord
    version: Version
    older: Mapping[str, Version | None]

    @property
    def is_partial(self) -> bool:
        return bool(self.older)


@cache
def list_fields(kind: type[AnyRecord]) -> tuple[str, ...]:
    """The fields that are merged one by one, in a fixed order."""
    return tuple(name for name in kind.model_fields if name not in _OF_THE_OBSERVATION)


def observe(record: AnyRecord, version: Version) -> Known:
    """What one observation tells. A deletion tells every field, as empty."""
    if record.is_deleted:
        return Known(make_tombstone(record), version, {})
    if not record.missing:
        return Known(record, version, {})
    fields = list_fields(type(record))
    untold = [name for name in fields if name in record.missing]
    return Known(record.model_copy(update={"missing": tuple(untold)}), version, dict.fromkeys(untold))


def merge(one: Known, other: Known) -> Known:
    """Both together: per field the greater version. Equal versions are the same observation, so either will do."""
    newer, older = (one, other) if one.version >= other.version else (other, one)
    if not newer.older:
        return newer
    values: dict[str, object] = {}
    versions: dict[str, Version | None] = {}
    for name in newer.older:
        mine, theirs = newer.older[name], older.older.get(name, older.version)
        if mine is None or (theirs is not None and theirs > mine):
            mine = theirs
            values[name] = getattr(older.record, name)
        if mine != newer.version:
            versions[name] = mine
    missing = tuple(name for name in list_fields(type(newer.record)) if name in versions and versions[name] is None)
    return Known(newer.record.model_copy(update=values | {"missing": missing}), newer.version, versions)


def make_tombstone(record: AnyRecord) -> AnyRecord:
    """A deletion with nothing but its key and its stamp."""
    return type(record)(external_id=record.external_id, source_updated_at=record.source_updated_at, is_deleted=True)


def is_changed(before: Known, after: Known) -> bool:
    """Whether what the object says has changed, or the stamp its source gave it; not merely when it was seen."""
    if before.version != after.version and after.record.source_updated_at not in {
        None,
        before.version.source_updated_at,
    }:
        return True
    exclude = {"source_updated_at"}
    return before.record.model_dump(exclude=exclude) != after.record.model_dump(exclude=exclude)
