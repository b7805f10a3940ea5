"""Ids of events that we put into the queue ourselves: a tenant's own are recognised by the id alone.

Whoever enqueues is told ids and asks for them at once, before there is a ledger row. Nothing is stored for that: some
of an id's random bits are a code over the rest, made with the tenant's index key. To others they are random bits, and
another tenant's id, or one that somebody made up, is recognised no more than nothing is.
"""

from app.core.sealing import TenantKeys
from schemas.ids import make_uuid7

_KIND = "event_id"
_TOLD = len("01234567-89ab-7def-8123-4567")  # the time, and 42 random bits: enough for every id of a millisecond


def make_own_event_id(keys: TenantKeys) -> str:
    """A UUIDv7 whose last 32 bits are the code."""
    told = make_uuid7()[:_TOLD]
    return told + _write_code(keys, told, keys.index_version)


def is_own_event_id(keys: TenantKeys, event_id: str) -> bool:
    """Whether `make_own_event_id` made it for this tenant."""
    return any(_write_code(keys, event_id[:_TOLD], version) == event_id[_TOLD:] for version in keys.index_versions)


def _write_code(keys: TenantKeys, told: str, version: int) -> str:
    return keys.blind_index(_KIND, told, version=version)[:4].hex()
