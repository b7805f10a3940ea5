"""What a connector is given to work with, and what it gives for live events, reports and checks of credentials.

Streams that are listed are in `listing`. All of it is made once a process and used for everybody's integrations.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from app.connectors.listing import Access, Position
from app.connectors.vault import OpenVault
from app.connectors.windows import ReportRows, ReportSpan
from app.core.outbound import Outbound, Priority
from app.core.settings import Settings
from schemas.events import Event
from schemas.records import CustomerRecord, OrderRecord, ReportStream


class Tools(NamedTuple):
    """`priority`: of the calls that are made: live for events, batch for syncs, live with an outbound of its own for
    what people ask."""

    outbound: Outbound
    settings: Settings
    open_vault: OpenVault
    priority: Priority


class Reading(NamedTuple):
    """An object as it is now. `is_whole` False: the provider left parts of it out that it may tell a little later."""

    record: OrderRecord | CustomerRecord
    is_whole: bool = True


class LiveReader(Protocol):
    """What an event's pointer points at."""

    @property
    def mapper_version(self) -> int:
        """Of the records."""

    async def read(self, access: Access, event: Event, read_at: datetime) -> Reading:
        """One object as it is now. `read_at`: when the event was taken from the queue: only what is asked for after it
        is sure to show its change. Raises what the client raises (app.core.errors), and MappingError for a document
        that cannot become a record."""

    def get_last_answer_at(self, account: str) -> float | None:
        """When this account last answered anything (monotonic seconds), None if never."""


class ReportPart(NamedTuple):
    """What was read at a position. `told`: a whole window, which replaces what is held of its days; None: nothing yet,
    or none of its days has begun where the account is. `then`: the positions that stand in its place: two halves, the
    same again while a report is being made, or none. `wait_s`: for so long they need not be read: others may be."""

    told: ReportRows | None
    then: Sequence[Position] = ()
    wait_s: float = 0.0


class ReportReader(Protocol):
    """One report of one connector. Stateless, as a StreamReader: what it must remember stands in positions."""

    @property
    def stream(self) -> ReportStream:
        """Which report."""

    @property
    def mapper_version(self) -> int:
        """Of its rows."""

    def describe(self, position: Position) -> str:
        """Which days it is for, in words for a run's errors."""

    def plan(self, span: ReportSpan) -> list[Position]:
        """Where a run begins, newest days first. Calls nobody."""

    async def read(self, access: Access, position: Position) -> ReportPart:
        """What is reported there. Raises what the client raises, and MappingError for rows that cannot be used: of a
        window with one of them nothing is known."""


class Found(NamedTuple):
    """One thing that a check of credentials found, in a brand's words and without any secret.

    `field`: which declared field somebody must change. `permission`: which one is missing. `about`: what is found, as
    it is called everywhere (accounts, a site, a moment): a text in another language names it.
    """

    code: str
    severity: Literal["error", "warning", "info"]
    message: str
    field: str | None = None
    permission: str | None = None
    about: str | None = None


class Checked(NamedTuple):
    """What credentials are good for.

    `is_taken`: the provider takes them now, so what waited for good ones goes on. `is_refused`: no later try of the
    same ones could mend it: they are stored nowhere. `streams`: what may be read. `account`: its name at the provider,
    where only the provider knows it. `ends_at`: of the credentials; None with `is_end_known`: they do not end.
    """

    findings: Sequence[Found]
    is_taken: bool = False
    is_refused: bool = False
    streams: Sequence[str] = ()
    account: str | None = None
    ends_at: datetime | None = None
    is_end_known: bool = False

    @property
    def is_valid(self) -> bool:
        """Nothing found needs mending first."""
        return not any(found.severity == "error" for found in self.findings)


def conclude(findings: Sequence[Found], may_pass: Collection[str], streams: Sequence[str]) -> Checked:
    """For a connector of which one thing that is wrong is everything. `may_pass`: codes of errors that the same
    credentials may get over; `streams`: what can be read if there is none."""
    errors = [found.code for found in findings if found.severity == "error"]
    is_refused = any(code not in may_pass for code in errors)
    return Checked(findings, is_taken=not errors, is_refused=is_refused, streams=() if errors else streams)
