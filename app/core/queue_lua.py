"""The queue's Lua scripts, composed at load from the files in `queue_scripts/`.

Each file says why it is as it is. The limits are written into the text as constants: a script then has no argument
that two callers could give differently, and costs no parsing per call.
"""

from functools import cache
from hashlib import sha1
from pathlib import Path
from typing import NamedTuple

from app.core.queue_records import NEW_AHEAD_MS, QueueLimits

_FOLDER = Path(__file__).parent / "queue_scripts"

# Which shared parts stand above each script. `look` belongs to every script that adds work or ends a lease.
_PARTS: dict[str, tuple[str, ...]] = {
    "append": ("prelude", "look"),
    "claim": ("prelude",),
    "read": ("prelude", "chunks"),
    "renew": ("prelude",),
    "settle": ("prelude", "chunks"),
    "defer": ("prelude",),
    "give_back": ("prelude", "chunks", "uncount"),
    "finish": ("prelude", "chunks", "uncount", "look"),
    "sweep": ("prelude", "look", "mend"),
    "place": ("prelude", "look"),
    "recall": ("prelude", "chunks", "look"),
    "rebuild": ("prelude", "look"),
    "empty": ("prelude",),
    "depth": ("prelude",),
    "find": ("prelude",),
    "peek": ("prelude", "chunks"),
    "sync_tick": ("prelude",),
}


class Script(NamedTuple):
    """A script's text and the SHA-1 by which the server knows it."""

    source: str
    sha: str

    @classmethod
    def of(cls, source: str) -> "Script":
        return cls(source, sha1(source.encode(), usedforsecurity=False).hexdigest())


def compose_scripts(limits: QueueLimits) -> dict[str, Script]:
    """Every script by name, for these limits."""
    constants = {
        "LEASE_MS": limits.lease_ms,
        "HOLD_MAX_MS": 2 * limits.hold_max_ms,  # holds are jittered upwards
        "BACKOFF_MAX_MS": limits.backoff_max_ms,
        "BELLS_MAX": limits.bells_max,
        "NEW_AHEAD_MS": NEW_AHEAD_MS,
        "CAP_SECOND_READ": limits.second_read_max,
    }
    head = "".join(f"local {name} = {value}\n" for name, value in constants.items())
    return {name: _compose(name, parts, head) for name, parts in _PARTS.items()}


def _compose(name: str, parts: tuple[str, ...], head: str) -> Script:
    # With flags the server checks memory, disk and role before a script begins, never in the middle of its writes.
    # Only the append may be refused for want of memory: everything else empties the queue.
    flags = "#!lua\n" if name == "append" else "#!lua flags=allow-oom\n"
    return Script.of(flags + head + "".join(_read_part(part) for part in (*parts, name)))


@cache
def _read_part(name: str) -> str:
    return (_FOLDER / f"{name}.lua").read_text(encoding="utf-8")
