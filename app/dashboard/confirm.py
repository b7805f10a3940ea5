"""A page that says what is about to happen, how many it concerns and whether it can be undone, before it does."""

from collections.abc import Mapping, Sequence
from typing import Literal

from app.dashboard.page import View
from app.dashboard.visit import Visit


def confirm(
    visit: Visit,
    *,
    title: str,
    says: Sequence[str],
    can_undo: bool,
    button: str,
    back: str,
    fields: Mapping[str, str | Sequence[str]] | None = None,
    tone: Literal["bad", "go"] = "bad",
    action: str | None = None,
) -> View:
    """All texts are whole sentences in the viewer's language. `fields`: hidden ones that the POST needs. `action`:
    where it goes, usually this same address."""
    pairs = [
        (name, value)
        for name, values in (fields or {}).items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    data = {
        "title": title, "says": says, "can_undo": can_undo, "button": button, "back": back, "pairs": pairs,
        "tone": tone, "action": action or str(visit.request.url.path) + _query(visit),
    }  # fmt: skip
    return View("parts/confirm.html", data)


def _query(visit: Visit) -> str:
    return f"?{visit.request.url.query}" if visit.request.url.query else ""
