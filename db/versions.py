"""What all record families share: keys, versions, and what the database says about both."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

ValueT = TypeVar("ValueT")


class Key(NamedTuple):
    """A row's key at its source, inside a tenant. Sorts as the database does (code points, collation "C")."""

    source: str
    account: str
    external_id: str

    @property
    def natural(self) -> str:
        """The form that sealed blobs are bound to."""
        return f"{self.source}|{self.account}|{self.external_id}"


class Version(NamedTuple):
    """The order of observations (P3), compared part by part. `content_hash`: 16 bytes, keyed, only breaks ties."""

    source_updated_at: datetime
    mapper_version: int
    observed_at: datetime
    content_hash: bytes


class Held(NamedTuple):
    """What is stored of a key, without its content."""

    version: Version
    revision: int
    is_partial: bool
    is_deleted: bool


class Written(NamedTuple):
    """A row that a write changed. `sealed_bytes`: how much its blob has grown. `untold`: its list of identities
    before, when that was another."""

    is_new: bool
    was_deleted: bool
    sealed_bytes: int
    untold: bytes | None


def split_keys(keys: Sequence[Key]) -> tuple[Sequence[str], Sequence[str], Sequence[str]]:
    """One array per key column."""
    if not keys:
        return (), (), ()
    sources, accounts, external_ids = zip(*keys, strict=True)
    return sources, accounts, external_ids


def shorten(column: Sequence[ValueT]) -> Sequence[ValueT]:
    """A column as one value where all are equal, NULL too, for statements that read it so: encoding a thousand equal
    values takes longer than looking whether they are."""
    return column[:1] if column and column.count(column[0]) == len(column) else column


def read_held(keys: Sequence[Key], rows: Iterable[Any]) -> dict[Key, Held]:
    """The answers of a `find_held_*` statement by key."""
    return {
        keys[n - 1]: Held(Version(stamp, mapper, observed, content_hash), revision, is_partial, is_deleted)
        for n, stamp, mapper, observed, content_hash, revision, is_partial, is_deleted in rows
    }


def read_written(rows: Iterable[Any]) -> dict[Key, Written]:
    """The answers of a `write_*` statement by key."""
    return {
        Key(source, account, external_id): Written(is_new, was_deleted, sealed_bytes, untold)
        for source, account, external_id, is_new, was_deleted, sealed_bytes, untold in rows
    }
