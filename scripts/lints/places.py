"""No file names a package registry or a path of somebody's machine: neither is the same on the next one."""

import re
from collections.abc import Iterator
from pathlib import Path

from scripts.lints.finding import Finding, find_line, list_files, read_text

REGISTRY = re.compile(
    r"https?://[^\s\"'<>)]*?(?:pypi\.org|pythonhosted\.org|registry\.npmjs\.org|crates\.io|/simple(?![\w-]))"
)
MACHINE_PATH = re.compile(r"(?<![\w./:-])/(?:root|work|home/\w+|Users/\w+)/[\w.]+")


def check_places(root: Path) -> Iterator[Finding]:
    for path in list_files(root):
        text = read_text(path)
        if text is None:
            continue
        name = path.relative_to(root)
        for match in REGISTRY.finditer(text):
            yield Finding(name, find_line(text, match.start()), f"names a package registry: {match.group()}")
        for match in MACHINE_PATH.finditer(text):
            yield Finding(name, find_line(text, match.start()), f"names a path of one machine: {match.group()}")
