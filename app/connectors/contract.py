"""What a connector is: the results of parsing a call, and the declaration that forms, checks and docs follow from.

A connector is one folder under app/connectors with a `declaration.py` that holds `CONNECTOR`; adding one touches
nothing else. It knows HTTP and records, never the database or the queue. Parsers and mappers are pure and raise
nothing but MappingError. Values are checked against a declaration in `fields`.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Literal, NamedTuple

from app.connectors.frequency import FREQUENCY_CHARS_MAX
from app.connectors.listing import Access, StreamReader
from app.connectors.tools import Checked, LiveReader, ReportReader, Tools
from app.connectors.verdict import ErrorAnswer, Verdict
from app.core.errors import MappingError
from schemas.events import EventAction, EventKind
from schemas.records import AdSpendRecord, Record, RecordStream, ReportStream, StreamName


class Hint(NamedTuple):
    """A call that points at something: never trusted as data, only as a reason to read the object again.

    `account` and `app_key` are what the call itself says (lower-case; None: it does not say). Whether they are the
    endpoint's own is for the receiver to check. `state` and `stamp` (UTC) are what the call told of.
    `profile_id`: the shopper's id beside the document's, where the call has it: it saves a look-up.
    """

    account: str | None
    app_key: str | None
    kind: EventKind
    action: EventAction
    object_id: str
    state: str | None
    stamp: datetime | None
    profile_id: str | None = None


class Ping(NamedTuple):
    """A provider's check that the address answers. It is answered 200 and does nothing else."""


class Ignored(NamedTuple):
    """A call that is understood and not wanted. `reason` is a stable word, safe to count by."""

    reason: str


Call = Hint | Ping | Ignored


class Field(NamedTuple):
    """One field of an integration's configuration or credentials.

    `pattern` must match the whole value; `choices` are the only values allowed; `form` names a check that no pattern
    can make. `kept_as`: how a value that matches is kept, as a template over the pattern's groups, so that spellings of
    one account are one account. `aliases`: other names under which the field is accepted. A secret is sealed, shown
    masked and never returned.

    `is_needed_to_sync`: accepted without, and nothing can be read until it is given. `is_in_address`: becomes part of
    an address that we call, so its pattern or choices must leave no way to another host or path.
    """

    name: str
    label: str
    help: str
    is_secret: bool = False
    is_required: bool = True
    default: str | None = None
    pattern: str | None = None
    choices: tuple[str, ...] = ()
    chars_max: int = 200
    aliases: tuple[str, ...] = ()
    form: Literal["text", "frequency"] = "text"
    kept_as: str | None = None
    is_needed_to_sync: bool = False
    is_in_address: bool = False


# A field of every connector that fetches: how often a sync repairs what real time missed.
SYNC_FREQUENCY = Field(
    name="sync_frequency",
    label="Sync frequency",
    help="hourly, daily, weekly, or five cron fields in the tenant's time zone, such as 30 */6 * * 1-5",
    is_required=False,
    default="hourly",
    form="frequency",
    chars_max=FREQUENCY_CHARS_MAX,
)
# What a token, secret or key may hold: nothing that could end a header or a line.
PRINTABLE = r"[!-~]+"


class Stream(NamedTuple):
    """One kind of thing the connector can deliver, and the provider's permission that it needs. Of objects it has a
    mapper, of reported figures a report."""

    name: StreamName
    label: str
    permission: str


class Endpoint(NamedTuple):
    """One kind of address that the provider calls. `is_retried`: the sender repeats a refused call."""

    kind: str
    stream: RecordStream | None
    label: str
    authentication: Literal["secret_header", "address", "signature"]
    is_retried: bool


class Report(NamedTuple):
    """Figures that a provider reports for a window of days: rows without ids or versions of their own.

    `map_rows` takes one decoded answer and gives each row's record, or what is wrong with that row. Raises MappingError
    for what is no answer with rows, an error inside a 200 for example.
    """

    name: ReportStream
    map_rows: Callable[[object], list[AdSpendRecord | MappingError]]


class Connector(NamedTuple):
    """The declaration of one connector. `mappers` take one decoded JSON document each.

    `classify`: what an error of the provider means; None for who is never called.
    `account_field`: the configuration field that names the account at the provider. Where the provider tells it only
    once it is called, `account_stand_in` names the fields that stand for it until then: see `name_account`.
    `make_readers`: what syncs list its streams with, `make_report_readers`: what they read its reports with,
    `make_live_reader`: what events are fetched with; None: nothing of it can be. `check`: puts credentials to the test
    by really calling, and raises nothing of the provider's, but MappingError for fields that lead nowhere; None: there
    are none to be tested. `tells_end`: it says when they end, and is asked again each day.
    `name_budget`: of an account and its configuration, what the provider counts calls by; None: nobody can tell.
    """

    name: str
    label: str
    mapper_version: int
    config: tuple[Field, ...]
    credentials: tuple[Field, ...]
    streams: tuple[Stream, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    mappers: Mapping[RecordStream, Callable[[object], Record]] = MappingProxyType({})
    reports: tuple[Report, ...] = ()
    classify: Callable[[ErrorAnswer], Verdict | None] | None = None
    account_field: str = "account"
    account_stand_in: tuple[str, ...] = ()
    make_readers: Callable[[Tools], Mapping[RecordStream, StreamReader]] | None = None
    make_report_readers: Callable[[Tools], Mapping[ReportStream, ReportReader]] | None = None
    make_live_reader: Callable[[Tools], LiveReader] | None = None
    check: Callable[[Tools, Access], Awaitable[Checked]] | None = None
    name_budget: Callable[[str, Mapping[str, str]], str] | None = None
    tells_end: bool = False
