"""No template holds what the dashboard's policy blocks, or what would show text as markup: a browser would leave it out
without a word, or run what somebody else wrote."""

import re
from collections.abc import Iterator
from pathlib import Path

from scripts.lints.finding import Finding, find_line

RULES = (
    (re.compile(r"<script(?![^>]*\bsrc=)", re.IGNORECASE), "a script of its own: put it into static/js"),
    (re.compile(r"<style\b", re.IGNORECASE), "a style of its own: put it into static/css"),
    (re.compile(r"<[a-z][^<>]*?\sstyle\s*=", re.IGNORECASE), "a style attribute: give it a class"),
    (re.compile(r"<[a-z][^<>]*?\son[a-z]+\s*=", re.IGNORECASE), "a script attribute: listen in static/js"),
    (re.compile(r"javascript:", re.IGNORECASE), "an address that is a script"),
    (re.compile(r"\|\s*safe\b"), "`safe` shows text as markup: build markup by macros"),
    (
        re.compile(r"""\b(?:src|href|action)\s*=\s*["']?(?:https?:)?//""", re.IGNORECASE),
        "a file or page of somebody else",
    ),
)
FOLDER = "app/dashboard/templates"


def check_templates(root: Path) -> Iterator[Finding]:
    for path in sorted((root / FOLDER).rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        for pattern, problem in RULES:
            for match in pattern.finditer(text):
                yield Finding(path.relative_to(root), find_line(text, match.start()), f"has {problem}")
