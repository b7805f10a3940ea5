"""Where a stream of a run stands: what its checkpoint holds, as JSON and as values."""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from app.connectors.listing import Page, Position, Span
from app.core.errors import AcequiaError, MappingError

ERROR_CHARS_MAX = 500


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`positions`: what is still to be read, in order. `done`: objects that were handled although their page is still
    to be read: a step ended in the middle of it, or before one that was ahead of it. `expected`: objects to be listed,
    as far as positions have told. `at_risk`: objects listed since the last position that could be read again, listed
    once more if it is restarted."""

    span: Span
    positions: tuple[Position, ...]
    done: frozenset[str] = frozenset()
    expected: int | None = None
    at_risk: int = 0

    def replace_first(self, page: Page, restart: Callable[[Position], Position]) -> Self:
        """The first position has been read and handled to its end."""
        expected = self.expected if page.found is None else (self.expected or 0) + page.found
        positions = (*page.then, *self.positions[1:])
        is_safe = not positions or restart(positions[0]) == positions[0]
        at_risk = 0 if is_safe else self.at_risk + len(page.listings)
        done = self.done.difference(listing.external_id for listing in page.listings)
        return replace(self, positions=positions, done=done, expected=expected, at_risk=at_risk)

    def add_done(self, external_ids: Iterable[str]) -> Self:
        """Objects of the first positions have been handled, and not all of them."""
        return replace(self, done=self.done | frozenset(external_ids))

    def restart_first(self, restart: Callable[[Position], Position]) -> Self:
        """The first position is to be read from a place that is safe."""
        if not self.positions:
            return self
        expected = None if self.expected is None else self.expected + self.at_risk
        return replace(self, positions=(restart(self.positions[0]), *self.positions[1:]), expected=expected, at_risk=0)

    def to_json(self) -> dict[str, Any]:
        span = self.span
        return {
            "span": {
                "kind": span.kind,
                "oldest": span.oldest.isoformat(),
                "now": span.now.isoformat(),
                "since": span.since and span.since.isoformat(),
                "trailing_since": span.trailing_since and span.trailing_since.isoformat(),
            },
            "positions": list(self.positions),
            "done": sorted(self.done),
            "expected": self.expected,
            "at_risk": self.at_risk,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """What `to_json` made."""
        span = value["span"]
        return cls(
            Span(
                span["kind"],
                datetime.fromisoformat(span["oldest"]),
                datetime.fromisoformat(span["now"]),
                _read_time(span["since"]),
                _read_time(span["trailing_since"]),
            ),
            tuple(value["positions"]),
            frozenset(value["done"]),
            value["expected"],
            value["at_risk"],
        )


def _read_time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


@dataclass(slots=True)
class Tally:
    """What a page, or a part of one, came to. `dead_ids`: whose document cannot be used; `failed_ids`: whose document
    could not be had. `changed_before`, `created_before`: rows of it that are committed already."""

    listed: int = 0
    fetched: int = 0
    errors: int = 0
    error_code: str | None = None
    error_example: str | None = None
    handled: AbstractSet[str] = frozenset()
    dead_ids: set[str] = field(default_factory=set)
    failed_ids: set[str] = field(default_factory=set)
    changed_before: int = 0
    created_before: int = 0

    def note_error(self, code: str, object_id: str, problem: str) -> None:
        """Counts one; the last is kept as the example: an id and what is wrong, nothing personal."""
        self.errors += 1
        self.error_code, self.error_example = code, f"{object_id}: {problem}"[:ERROR_CHARS_MAX]

    def note_unnamed(self, objects: int) -> None:
        """Objects whose ids cannot be kept in the clear: nothing can be said of them but that they are there."""
        if objects:
            self.errors += objects
            self.error_code = self.error_code or "unmappable"
            self.error_example = self.error_example or f"{objects} listed: their ids are none, or e-mail addresses"

    def note_failure(self, object_id: str, error: AcequiaError) -> None:
        """An object whose document cannot be used, or could not be had."""
        self.note_error(error.code, object_id, str(error))
        (self.dead_ids if isinstance(error, MappingError) else self.failed_ids).add(object_id)
