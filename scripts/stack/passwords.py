"""Random passwords and keys of one data folder, made once, kept in one file that only its owner can read."""

import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path


def make_password() -> str:
    """256 random bits in hexadecimal: safe in a URL, a configuration file and a shell."""
    return secrets.token_hex(32)


def load_passwords(path: Path, names: Iterable[str]) -> dict[str, str]:
    """The password of each name; those that are missing are made and saved.

    Raises PermissionError when somebody else may read the file.
    """
    known: dict[str, str] = {}
    if path.exists():
        if path.stat().st_mode & 0o077:
            raise PermissionError(f"{path} must be readable by its owner only: chmod 600 {path}")
        known = json.loads(path.read_text(encoding="utf-8"))
    missing = [name for name in names if name not in known]
    if missing:
        known |= {name: make_password() for name in missing}
        write_private(path, json.dumps(known, indent=1))
    return known


def read_private(path: Path) -> str | None:
    """The one line of a file that `write_private` wrote; None when there is none.

    Raises PermissionError when somebody else may read the file.
    """
    if not path.exists():
        return None
    if path.stat().st_mode & 0o077:
        raise PermissionError(f"{path} must be readable by its owner only: chmod 600 {path}")
    return path.read_text(encoding="ascii").strip()


def write_private(path: Path, text: str) -> None:
    """Writes a file whole, mode 0600: a reader sees the old text or the new, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
