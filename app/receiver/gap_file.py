"""The file in which gap marks survive a killed receiver: one JSON line per mark, fsynced before a refusal is answered.

`gaps.jsonl` in RECEIVER_STATE_DIR; a second receiver on the same folder takes `gaps-1.jsonl`, and so on: each holds a
lock on its own. At the start the files that nobody holds are taken over: their receivers are gone.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

import orjson

FILES_MAX = 256


class GapFile:
    """`recovered`: the marks found at the start, field → ISO time. Without a folder it keeps nothing."""

    def __init__(self, descriptor: int | None, recovered: Mapping[str, str]) -> None:
        self._descriptor = descriptor
        self.recovered = dict(recovered)
        self.is_empty = not recovered

    @classmethod
    def open(cls, folder: Path | None) -> Self:
        """Takes the first free file, and over what others left. Raises OSError when the folder cannot be written."""
        if folder is None:
            return cls(None, {})
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        own, recovered = None, dict[str, str]()
        left_behind: list[int] = []
        for path in _names(folder):
            if own is not None and not path.exists():
                break
            descriptor = _lock(path)
            if descriptor is None:
                continue
            _keep_earliest(recovered, _read(descriptor))
            if own is None:
                own = descriptor
            else:
                left_behind.append(descriptor)
        file = cls(own, recovered)
        file.append(recovered)
        # Only now: a kill between the two finds the marks twice, never not at all.
        for descriptor in left_behind:
            os.ftruncate(descriptor, 0)
            os.close(descriptor)
        return file

    @property
    def is_kept(self) -> bool:
        return self._descriptor is not None

    def append(self, marks: Mapping[str, str]) -> None:
        """Returns when the marks are on disk. Raises OSError."""
        if self._descriptor is None or not marks:
            return
        lines = b"".join(orjson.dumps({"field": field, "at": at}) + b"\n" for field, at in marks.items())
        self.is_empty = False
        os.write(self._descriptor, lines)
        os.fdatasync(self._descriptor)

    def clear(self) -> None:
        """Forgets all marks: they are in Redis. Raises OSError."""
        if self._descriptor is not None and not self.is_empty:
            os.ftruncate(self._descriptor, 0)
            os.fsync(self._descriptor)
        self.is_empty = True

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _names(folder: Path) -> Iterator[Path]:
    yield folder / "gaps.jsonl"
    for number in range(1, FILES_MAX):
        yield folder / f"gaps-{number}.jsonl"


def _lock(path: Path) -> int | None:
    """An open descriptor that holds the file's lock, None when another process does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _read(descriptor: int) -> Iterator[tuple[str, str]]:
    """The marks of a file. A line that a crash cut short was not answered for yet and is passed over."""
    content = b""
    while chunk := os.pread(descriptor, 1_048_576, len(content)):
        content += chunk
    for line in content.splitlines():
        try:
            mark = orjson.loads(line)
            yield str(mark["field"]), str(mark["at"])
        except (ValueError, KeyError, TypeError):
            continue


def _keep_earliest(marks: dict[str, str], found: Iterator[tuple[str, str]]) -> None:
    for field, at in found:
        if field not in marks or at < marks[field]:
            marks[field] = at
