"""What a connector's stream gives a sync: pages of what the provider says exists.

A sync knows nothing of windows, page caps or tokens. It holds *positions*: small JSON objects that the reader makes and
understands. Reading one gives what is listed there and the positions that stand in its place: the two halves of a
window with too much in it, the next page, or none. A list of positions is all that a checkpoint needs to remember.

Readers know HTTP and records, never the database. Calls go through the connector's client with batch priority.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol

from schemas.held_state import HeldState
from schemas.records import Record, RecordStream

Position = Mapping[str, Any]  # JSON: strings, integers, booleans, arrays, objects; times as ISO 8601 in UTC
# full: everything there is. incremental: what may have changed since the last run.
ListingKind = Literal["full", "incremental"]


class Access(NamedTuple):
    """Whose data, and in whose name it is asked for.

    `credentials`: the connector's declared fields, opened. `config`: its declared configuration, the account among it.
    `tenant_id`, `integration_id`: 0 before there is an integration.
    """

    account: str
    environment: str
    credentials: Mapping[str, str]
    config: Mapping[str, str] = MappingProxyType({})
    tenant_id: int = 0
    integration_id: int = 0

    @property
    def place(self) -> tuple[str, str, Mapping[str, str]]:
        """Account, environment, credentials."""
        return self.account, self.environment, self.credentials


class Span(NamedTuple):
    """What a run is to list. `oldest`: nothing created before it is wanted (retention). `since`: incremental: from when
    on changes may be unknown, the provider's lag taken off already by the reader. `trailing_since`: incremental: also
    everything created since then, None when that cycle is not due. `now`: when the run begins."""

    kind: ListingKind
    oldest: datetime
    now: datetime
    since: datetime | None = None
    trailing_since: datetime | None = None


class Listing(NamedTuple):
    """One object as a list shows it.

    `fingerprint`: what the list says of its state, comparable with `describe_held` of the row that we hold. `document`:
    the whole object where the list has it, as `map` takes it; None: it must be fetched by its id. `external_id`: as the
    record will have it; where a list only knows another id, what `fetch` takes, and `is_pointer` is True: nothing is
    held under it, so it is always fetched.
    """

    external_id: str
    fingerprint: str
    document: object | None = None
    is_pointer: bool = False
    created_at: datetime | None = None  # at the source, where the list tells it


class Page(NamedTuple):
    """What was listed at a position, and the positions that replace it, in the order in which they are to be read.

    `found`: how many objects lie under this position and what replaces it, where it was opened for the first time and
    is no part of one that told its number before; else None.
    """

    listings: Sequence[Listing]
    then: Sequence[Position] = ()
    found: int | None = None
    is_incomplete: bool = False  # more is there than the provider lets anybody list: said in the run's errors
    unnamed: int = 0  # objects listed beside these whose ids cannot be kept, e-mail addresses for example: errors too


class WindowListing(NamedTuple):
    """All that the provider lists of what was created in [start, end): for comparing with what is held.

    `listings` None: too much for one look: ask for both halves. `is_complete` False: it cannot be cut any further and
    the provider shows no more, so nothing may be concluded from what is not listed. `unnamed`: as a page's.
    """

    listings: Sequence[Listing] | None
    is_complete: bool = True
    unnamed: int = 0


class StreamReader(Protocol):
    """One stream of one connector. Stateless: everything it must remember stands in positions.

    Methods that call the provider raise what its client raises (app.core.errors), and MappingError from `map`.
    """

    @property
    def stream(self) -> RecordStream:
        """Which stream."""

    @property
    def mapper_version(self) -> int:
        """Of `map`."""

    @property
    def lag_s(self) -> float:
        """How far the provider's lists may be behind, in seconds: a run is sure only of what is older."""

    @property
    def finds_deletions(self) -> bool:
        """Whether an object that is held, not listed, and not there when asked for was deleted at the provider."""

    def plan(self, span: Span) -> list[Position]:
        """Where a run begins, in the order in which it is to be read. Calls nobody."""

    async def read(self, access: Access, position: Position) -> Page:
        """What is listed there. PositionLostError when the provider has forgotten it, or its answer was lost and may
        not come again: `restart` it then."""

    def restart(self, position: Position) -> Position:
        """The same work from a place that is safe to begin at, after a crash or a lost answer in the middle of it: for
        most positions the position itself."""

    async def read_window(self, access: Access, start: datetime, end: datetime) -> WindowListing:
        """Fingerprints of everything created in [start, end), without documents where that is cheaper. `start` and
        `end` are UTC."""

    async def fetch(self, access: Access, object_id: str) -> object:
        """One object's document, by the id that a listing gave. Raises ObjectNotFoundError when it is not there."""

    def map(self, document: object) -> Record:
        """The record of a document. Raises MappingError."""

    def describe_held(self, held: HeldState) -> str:
        """The fingerprint that a list would show of this row, if nothing had changed since."""
