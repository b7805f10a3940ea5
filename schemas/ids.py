"""Event ids: UUIDv7 (RFC 9562), made by the receiver, ordered by the millisecond of acceptance."""

import os
import time
from datetime import UTC, date, datetime

_VERSION_7 = 0x7 << 76
_VARIANT = 0x2 << 62
_RANDOM_A_MASK = 0xFFF << 64
_RANDOM_B_MASK = (1 << 62) - 1


def make_uuid7(now_ms: int | None = None) -> str:
    """A new UUIDv7 as canonical text. `now_ms`: milliseconds since the epoch, now when not given."""
    milliseconds = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | _VERSION_7 | (random & _RANDOM_A_MASK)
    value |= _VARIANT | (random & _RANDOM_B_MASK)
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def read_uuid7_ms(event_id: str) -> int:
    """The milliseconds since the epoch that a UUIDv7 carries."""
    return int(event_id[:8] + event_id[9:13], 16)


def find_received_on(event_id: str) -> date:
    """The UTC day of acceptance: the ledger's partition."""
    return datetime.fromtimestamp(read_uuid7_ms(event_id) / 1000, UTC).date()


def find_first_id(moment: datetime) -> str:
    """The least id that an event accepted at this moment, in whole milliseconds, can have."""
    milliseconds = min(max(int(moment.timestamp() * 1000), 0), 0xFFFF_FFFF_FFFF)
    digits = f"{milliseconds << 80:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
