"""What PostgreSQL's files hold beyond their plain bytes: log records that cross pages, page images, TOAST chunks.

After access/xlog_internal.h, access/xlogrecord.h, storage/bufpage.h and access/htup_details.h of PostgreSQL 18, on a
little-endian machine with pages of 8 kB.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from struct import Struct

from tests.acceptance.traces.unpack import NotPackedError, unpack_pglz, unpack_pglz_value

PAGE_BYTES = 8_192
_LONG_HEADER, _SHORT_HEADER = 40, 24
_HAS_LONG_HEADER = 0x0002
_RECORD = Struct("<IIQBBHI")  # length, transaction, previous, info, resource manager, padding, checksum
_HAS_HOLE, _IS_PGLZ, _IS_COMPRESSED = 0x01, 0x04, 0x1C
_HAS_IMAGE, _IS_SAME_RELATION = 0x10, 0x80
_LINE_POINTERS_AT = 24
_CHUNK = Struct("<II")  # value, sequence


def join_log(folder: Path) -> bytes:
    """The records of all segments in one row, without the page headers that stand in the middle of them."""
    parts = []
    for path in sorted(path for path in folder.iterdir() if len(path.name) == 24):
        segment = path.read_bytes()
        for at in range(0, len(segment), PAGE_BYTES):
            page = segment[at : at + PAGE_BYTES]
            if any(page[:8]):
                is_long = int.from_bytes(page[2:4], "little") & _HAS_LONG_HEADER
                parts.append(page[_LONG_HEADER if is_long else _SHORT_HEADER :])
    return b"".join(parts)


def unpack_images(log: bytes) -> Iterator[bytes]:
    """The page images that stand compressed in a joined log."""
    at = 0
    while at + _RECORD.size <= len(log):
        length, _, _, _, manager, _, _ = _RECORD.unpack_from(log, at)
        if length < _RECORD.size or length > len(log) - at or manager > 0x80:
            # The end, or what an older round left in a segment that is used again: look for the next beginning.
            at += 8
            continue
        yield from _unpack_images_of(log[at + _RECORD.size : at + length])
        at += -(-length // 8) * 8


def _unpack_images_of(record: bytes) -> Iterator[bytes]:
    images: list[tuple[int, int, int]] = []  # size, hole, flags
    at = 0
    try:
        while record[at] <= 32:  # a block reference
            flags = record[at + 1]
            at += 4
            if flags & _HAS_IMAGE:
                size, info = int.from_bytes(record[at : at + 2], "little"), record[at + 4]
                at += 5
                hole = PAGE_BYTES - size if info & _HAS_HOLE else 0
                if info & _IS_COMPRESSED and info & _HAS_HOLE:
                    hole = int.from_bytes(record[at : at + 2], "little")
                    at += 2
                images.append((size, hole, info))
            at += (0 if flags & _IS_SAME_RELATION else 12) + 4
        while record[at] in (252, 253):  # a subtransaction's parent, an origin
            at += 5 if record[at] == 252 else 3
        at += {255: 2, 254: 5}.get(record[at], 0)
    except IndexError:
        return
    for size, hole, info in images:
        if info & _IS_PGLZ:
            with suppress(NotPackedError):
                yield unpack_pglz(record[at : at + size], PAGE_BYTES - hole)
        at += size


def join_toast(pages: bytes) -> Iterator[bytes]:
    """The values of a TOAST table's file, their chunks put together, unpacked where they are packed."""
    values: dict[int, dict[int, bytes]] = defaultdict(dict)
    for at in range(0, len(pages), PAGE_BYTES):
        for row in _list_rows(pages[at : at + PAGE_BYTES]):
            if len(row) > _CHUNK.size + 4:
                value_id, sequence = _CHUNK.unpack_from(row)
                values[value_id][sequence] = _read_varlena(row[_CHUNK.size :])
    for chunks in values.values():
        value = b"".join(chunks[sequence] for sequence in sorted(chunks))
        yield value
        with suppress(NotPackedError):
            yield unpack_pglz_value(value)


def _list_rows(page: bytes) -> Iterator[bytes]:
    """The user data of every tuple that has storage, dead ones too."""
    end = int.from_bytes(page[12:14], "little")
    for at in range(_LINE_POINTERS_AT, min(end, PAGE_BYTES), 4):
        pointer = int.from_bytes(page[at : at + 4], "little")
        offset, length = pointer & 0x7FFF, pointer >> 17
        if length > 23 and offset + length <= PAGE_BYTES:
            row = page[offset : offset + length]
            yield row[row[22] :]


def _read_varlena(data: bytes) -> bytes:
    if data[0] & 1:
        return data[1 : data[0] >> 1]
    return data[4 : int.from_bytes(data[:4], "little") >> 2]


def drop_empty_pages(data: bytes, seen: set[bytes]) -> Iterable[bytes]:
    """The file's pages in runs, without those that are zero or were seen before: most of a cluster is such."""
    run: list[bytes] = []
    for at in range(0, len(data), PAGE_BYTES):
        page = data[at : at + PAGE_BYTES]
        if page in seen or not page.strip(b"\0"):
            if run:
                yield b"".join(run)
                run = []
            continue
        seen.add(page)
        run.append(page)
    if run:
        yield b"".join(run)
