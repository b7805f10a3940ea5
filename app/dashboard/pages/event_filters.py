"""What the events page is asked for by its address, and the ledger's question that follows from it."""

from datetime import datetime
from typing import Literal, NamedTuple, cast, get_args
from zoneinfo import ZoneInfo

from app.dashboard.visit import Visit
from schemas.events import EventKind, Outcome
from schemas.ledger import EventsQuery

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
KINDS: tuple[EventKind, ...] = get_args(EventKind)
VIEWS = ("all", "failed", "waiting", "ignored")
_VIEW_OUTCOMES: dict[str, Outcome] = {"failed": "dead", "ignored": "ignored"}
_TEXT_MAX = 200

ViewName = Literal["all", "failed", "waiting", "ignored"]


class Filters(NamedTuple):
    """Texts as they stand in the address, empty for what is not asked for. `found`: the id of a search."""

    view: ViewName = "all"
    q: str = ""
    outcome: str = ""
    kind: str = ""
    state: str = ""
    integration: str = ""
    since: str = ""
    until: str = ""
    found: str = ""

    @property
    def is_narrowed(self) -> bool:
        """By more than the view."""
        return any(self[1:])

    def list_params(self) -> dict[str, str | None]:
        """For links; what is not asked for is left out."""
        given: dict[str, str | None] = {name: value or None for name, value in self._asdict().items()}
        return given | {"view": None if self.view == "all" else self.view}

    def make_query(self, zone: ZoneInfo, cursor: str | None) -> EventsQuery:
        """The ledger's question."""
        return EventsQuery(
            cursor=cursor,
            outcome=_VIEW_OUTCOMES.get(self.view) or cast("Outcome | None", self.outcome or None),
            kind=cast("EventKind | None", self.kind or None),
            object_id=self.q or None,
            integration_id=self.integration or None,
            state=self.state or None,
            since=read_local(self.since, zone),
            until=read_local(self.until, zone),
        )


def read_filters(visit: Visit, integrations: frozenset[str]) -> Filters:
    """What the address asks for; what cannot be asked for is as if it were not said."""
    view, zone = visit.query("view", "all"), visit.viewer.zone
    return Filters(
        view=cast("ViewName", view) if view in VIEWS else "all",
        q=visit.query("q")[:_TEXT_MAX],
        outcome=_choose(visit.query("outcome"), OUTCOMES),
        kind=_choose(visit.query("kind"), KINDS),
        state=visit.query("state")[:_TEXT_MAX],
        integration=_choose(visit.query("integration"), integrations),
        since=visit.query("since") if read_local(visit.query("since"), zone) else "",
        until=visit.query("until") if read_local(visit.query("until"), zone) else "",
        found=visit.query("found")[:_TEXT_MAX],
    )


def read_local(text: str, zone: ZoneInfo) -> datetime | None:
    """A moment as a form's field gives it, in the viewer's zone; None for what is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is not None or not 1970 < moment.year < 2200:
        return None
    return moment.replace(tzinfo=zone)


def _choose(text: str, choices: tuple[str, ...] | frozenset[str]) -> str:
    return text if text in choices else ""
