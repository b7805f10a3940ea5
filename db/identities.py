"""The list of identities that a row carries: 21 bytes each, as migration 0003 says."""

from collections.abc import Iterable, Mapping
from struct import Struct
from typing import NamedTuple

from db.versions import Key, Written

_KINDS = ("email", "phone", "document", "profile")
_NUMBERS = {kind: number for number, kind in enumerate(_KINDS, start=1)}
_FORM = Struct(">BI16s")
_BYTES = _FORM.size
BLIND_INDEX_BYTES = 16


class Identity(NamedTuple):
    """`kind`: email, phone, document or profile. `blind_index`: 16 bytes, made with index key `key_version`."""

    kind: str
    key_version: int
    blind_index: bytes


def pack_identities(identities: Iterable[tuple[str, int, bytes]]) -> bytes:
    """A row's list, sorted, without repetition. Raises ValueError for an unknown kind or a wrong length."""
    return b"".join(sorted({_pack(identity) for identity in identities}))


def unpack_identities(packed: bytes) -> list[Identity]:
    """What `pack_identities` packed."""
    parts = (packed[start : start + _BYTES] for start in range(0, len(packed), _BYTES))
    return [Identity(_KINDS[part[0] - 1], int.from_bytes(part[1:5], "big"), part[5:]) for part in parts]


def find_removed(
    rows: Iterable[tuple[Key, bytes]], written: Mapping[Key, Written]
) -> list[tuple[str, int, bytes, str, str, str]]:
    """Kind, key version, blind index and key of every identity that the written rows told before and tell no more."""
    return [
        (*identity, *key)
        for key, told in rows
        if key in written and (untold := written[key].untold) is not None
        for identity in sorted(set(unpack_identities(untold)) - set(unpack_identities(told)))
    ]


def _pack(identity: tuple[str, int, bytes]) -> bytes:
    kind, key_version, blind_index = identity
    if len(blind_index) != BLIND_INDEX_BYTES:
        raise ValueError(f"a blind index has {BLIND_INDEX_BYTES} bytes")
    if kind not in _NUMBERS:
        raise ValueError(f"{kind} is no kind of identity")
    return _FORM.pack(_NUMBERS[kind], key_version, blind_index)
