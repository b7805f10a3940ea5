"""What a rule reports, and the files that rules read."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

READ_FOLDERS = {".ci", ".github"}  # of those that begin with a dot: the others are caches, environments and data
TEXT_BYTES_MAX = 2_000_000


class Finding(NamedTuple):
    """`path` relative to the checkout; `line` from 1."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


def list_files(root: Path, *suffixes: str) -> Iterator[Path]:
    """Files of the checkout, sorted; caches, environments and data are not part of it. No suffix: all."""
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if is_read(name))
        for file in sorted(files):
            if file == ".git":  # in a worktree a file of git's own, which says where the repository is
                continue
            path = Path(folder, file)
            if (not suffixes or path.suffix in suffixes) and not path.is_symlink():
                yield path


def is_read(folder: str) -> bool:
    return folder in READ_FOLDERS or not (folder.startswith(".") or folder == "__pycache__")


def read_text(path: Path) -> str | None:
    """None for what is not text."""
    if path.stat().st_size > TEXT_BYTES_MAX:
        return None
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def find_line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
