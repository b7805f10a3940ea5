"""Unpackers of what stands compressed in servers' files: pglz (PostgreSQL), LZF (Valkey), zlib and gzip.

Written after the formats' descriptions: the header comment of PostgreSQL's pg_lzcompress.c, LibLZF's documentation, the
string encodings of RDB files, RFC 1950 to 1952. Each finder offers everything that could be such a value; what does not
unpack was none.
"""

import re
import zlib
from collections.abc import Iterator

_RAW_BYTES_MAX = 2**20
# A varlena's header with the bits of "compressed in line" (little-endian), at most a page long, and its raw size.
_HEADS = b"".join(re.escape(bytes([first])) for first in range(0b10, 256, 4))
_PGLZ = re.compile(rb"(?s)(?=[" + _HEADS + rb"][\x00-\x7f]\x00\x00..[\x00-\x0f]\x00)")
_ZLIB = re.compile(rb"(?=\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda])")
_LZF = re.compile(rb"(?=\xc3)")


class NotPackedError(Exception):
    """These bytes are no such value."""


def find_pglz(data: bytes) -> Iterator[bytes]:
    """Values compressed in line, as a tuple holds them on its page or in the log."""
    for match in _PGLZ.finditer(data):
        start = match.start()
        size = int.from_bytes(data[start : start + 4], "little") >> 2
        raw_size = int.from_bytes(data[start + 4 : start + 8], "little")
        if 8 < size < raw_size <= _RAW_BYTES_MAX and start + size <= len(data):
            yield data[start + 4 : start + size]


def unpack_pglz_value(value: bytes) -> bytes:
    """A value with its four bytes of raw size before it. Raises NotPackedError."""
    return unpack_pglz(value[4:], int.from_bytes(value[:4], "little") & 0x3FFFFFFF)


def unpack_pglz(packed: bytes, raw_size: int) -> bytes:
    """Raises NotPackedError."""
    out = bytearray()
    at, end = 0, len(packed)
    try:
        while at < end and len(out) < raw_size:
            control = packed[at]
            at += 1
            for bit in range(8):
                if at >= end or len(out) >= raw_size:
                    break
                if not control >> bit & 1:
                    out.append(packed[at])
                    at += 1
                    continue
                length, back = (packed[at] & 0x0F) + 3, (packed[at] & 0xF0) << 4 | packed[at + 1]
                at += 2
                if length == 18:
                    length += packed[at]
                    at += 1
                _copy(out, back, length)
    except IndexError:
        raise NotPackedError from None
    if len(out) != raw_size or at != end:
        raise NotPackedError
    return bytes(out)


def find_lzf(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Strings compressed in an RDB: packed bytes and raw size."""
    for match in _LZF.finditer(data):
        packed_size, at = _read_length(data, match.start() + 1)
        raw_size, at = _read_length(data, at)
        if 4 < packed_size < raw_size <= _RAW_BYTES_MAX and at + packed_size <= len(data):
            yield data[at : at + packed_size], raw_size


def unpack_lzf(packed: bytes, raw_size: int) -> bytes:
    """Raises NotPackedError."""
    out = bytearray()
    at = 0
    try:
        while at < len(packed):
            control = packed[at]
            at += 1
            if control < 32:
                out += packed[at : at + control + 1]
                at += control + 1
                continue
            length = control >> 5
            if length == 7:
                length += packed[at]
                at += 1
            back = ((control & 0x1F) << 8 | packed[at]) + 1
            at += 1
            _copy(out, back, length + 2)
            if len(out) > raw_size:
                raise NotPackedError
    except IndexError:
        raise NotPackedError from None
    if len(out) != raw_size:
        raise NotPackedError
    return bytes(out)


def unpack_deflated(data: bytes) -> Iterator[bytes]:
    """What every zlib or gzip stream in these bytes holds, as far as it goes."""
    for match in _ZLIB.finditer(data):
        unpacker = zlib.decompressobj(wbits=47)
        try:
            out = unpacker.decompress(data[match.start() : match.start() + _RAW_BYTES_MAX], _RAW_BYTES_MAX)
        except zlib.error:
            continue
        if out:
            yield out


def _copy(out: bytearray, back: int, length: int) -> None:
    """From what is out already; it may overlap what it makes."""
    start = len(out) - back
    if back == 0 or start < 0:
        raise NotPackedError
    if back >= length:
        out += out[start : start + length]
    else:
        piece = bytes(out[start:])
        out += (piece * (length // back + 1))[:length]


def _read_length(data: bytes, at: int) -> tuple[int, int]:
    """RDB's length and where it ends; 0 for what is none."""
    head = data[at : at + 5]
    if len(head) < 5:
        return 0, at
    kind = head[0] >> 6
    if kind == 0:
        return head[0] & 0x3F, at + 1
    if kind == 1:
        return (head[0] & 0x3F) << 8 | head[1], at + 2
    return (int.from_bytes(head[1:5], "big"), at + 5) if head[0] == 0x80 else (0, at)
