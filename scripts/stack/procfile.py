"""Reads the Procfile: which processes an installation is made of."""

import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def read_procfile(path: Path = ROOT / "Procfile") -> dict[str, list[str]]:
    """Process name → command, `python` being this environment's own. Raises ValueError naming a wrong line."""
    commands: dict[str, list[str]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, colon, command = text.partition(":")
        words = shlex.split(command)
        if not colon or not words or not name.isidentifier():
            raise ValueError(f"{path.name}, line {number}: expected `name: command`, found {text!r}")
        commands[name] = [sys.executable if word == "python" else word for word in words]
    return commands
