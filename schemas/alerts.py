"""Alerts, rules, channels and backups, as the API takes and shows them."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from schemas.api import Body, Moment, PageQuery, ShortText, Shown

Severity = Literal["warning", "critical"]
AlertState = Literal["open", "closed"]
ChannelKind = Literal["email", "slack", "webhook", "apprise"]
BackupKind = Literal["data", "keys", "keystore"]
RULES_MAX = 50
RECIPIENTS_MAX = 20
RuleName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,39}$")]
Address = Annotated[
    str, StringConstraints(max_length=254, pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,189}$")
]
Target = Annotated[str, StringConstraints(min_length=8, max_length=1_000, pattern=r"^[\x21-\x7e]+$")]
Switch = Annotated[bool, Field(strict=True)]


def _require_one_of(*forms: tuple[str, list[str]]) -> Callable[[dict[str, Any]], None]:
    """Says in the schema what a check says: one of these members and no other, each for some kinds (none: for any)."""

    def describe(schema: dict[str, Any]) -> None:
        properties = schema.pop("properties")
        required = schema.pop("required", [])
        schema.pop("additionalProperties", None)
        schema.pop("type", None)
        alternatives = {member for member, _ in forms}
        schema["oneOf"] = []
        for member, kinds in forms:
            own = {name: one for name, one in properties.items() if name == member or name not in alternatives}
            own[member] = {"title": member, **next(one for one in own[member]["anyOf"] if one.get("type") != "null")}
            if kinds:
                own["kind"] = {"type": "string", "enum": kinds}
            schema["oneOf"].append({
                "type": "object", "properties": own, "required": [*required, member], "additionalProperties": False,
            })  # fmt: skip

    return describe


class AlertsQuery(PageQuery):
    """`state`: only those; all without it."""

    state: AlertState | None = Field(None, description="only those that are so")


class AlertDelivery(Shown):
    """A message about an alert, to one channel. `occasion`: why it was sent. `failure`: of its last try."""

    delivery_id: UUID
    occasion: Literal["opened", "repeated", "closed"]
    channel_id: UUID
    channel_kind: ChannelKind | None
    channel_name: str | None
    state: Literal["waiting", "sent", "failed", "dropped"]
    tries: int
    created_at: datetime
    due_at: datetime | None
    settled_at: datetime | None
    failure: str | None


class Alert(Shown):
    """`value`, `threshold`: in `unit`. `title`, `text`, `todo`: sentences, in the tenant's language. `tenant_id` None:
    the platform's. `closed_because`: recovered, or unwatched, when there was nothing to watch any more."""

    alert_id: UUID
    tenant_id: int | None
    integration_id: str | None
    rule: str
    severity: Severity
    state: AlertState
    opened_at: datetime
    last_seen_at: datetime
    closed_at: datetime | None
    closed_because: Literal["recovered", "unwatched"] | None
    value: float | None
    threshold: float | None
    unit: Literal["hours", "percent", "count", "seconds", "days"] | None
    details: dict[str, Any]
    title: str
    text: str
    todo: str
    action: str | None
    notified_at: datetime | None
    repeats: int
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    snoozed_until: datetime | None


class AlertWithDeliveries(Alert):
    deliveries: list[AlertDelivery]


class Snooze(Body):
    """Either of both."""

    model_config = ConfigDict(json_schema_extra=_require_one_of(("until", []), ("minutes", [])))

    until: Moment | None = Field(None, description="no messages before then")
    minutes: Annotated[int, Field(strict=True, ge=1, le=60 * 24 * 90)] | None = Field(None, description="from now")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.until is None) == (self.minutes is None):
            raise ValueError("say either until when, or for how many minutes")
        return self


class AlertRule(Shown):
    """`threshold`: the one that holds, None where there is none to choose. `closes_at`: an open alert closes there."""

    rule: str
    about: Literal["tenant", "integration", "platform"]
    severity: Severity
    unit: Literal["hours", "percent", "count", "seconds", "days"] | None
    is_enabled: bool
    threshold: float | None
    default_threshold: float | None
    threshold_min: float | None
    threshold_max: float | None
    closes_at: float | None
    action: str


class RuleChange(Body):
    """All of what can be chosen. `threshold` null: the default."""

    is_enabled: Switch = True
    threshold: Annotated[float, Field(strict=True, ge=0, le=1_000_000)] | None = None


class _ChannelFields(Body):
    """`to`: of an e-mail channel. `url`: of all others. `rules`: only these; null: all."""

    to: list[Address] | None = Field(None, min_length=1, max_length=RECIPIENTS_MAX, description="e-mail addresses")
    url: Target | None = Field(None, description="where messages are posted, or an address of Apprise")
    rules: list[RuleName] | None = Field(None, min_length=1, max_length=RULES_MAX, description="only these; null: all")


class NewChannel(_ChannelFields):
    model_config = ConfigDict(
        json_schema_extra=_require_one_of(("to", ["email"]), ("url", ["slack", "webhook", "apprise"]))
    )
    kind: ChannelKind
    name: ShortText
    min_severity: Severity = "warning"
    is_enabled: Switch = True


class ChannelChange(_ChannelFields):
    """A partial change: what is not named stays. The kind never changes."""

    name: ShortText | None = None
    min_severity: Severity | None = None
    is_enabled: Switch | None = None


class Channel(Shown):
    """`target`: where it goes, as far as it may be shown. `failures`: in a row. `status`: failing after
    ALERT_FAILURES_MAX of them, and one that has never worked after the first. `secrets_valid`: 2 for a day after a
    rotation; None where nothing is signed."""

    channel_id: UUID
    kind: ChannelKind
    name: str
    target: str
    min_severity: Severity
    rules: list[str] | None
    is_enabled: bool
    status: Literal["unused", "working", "failing", "off"]
    created_at: datetime
    last_ok_at: datetime | None
    last_failure_at: datetime | None
    last_failure: str | None
    failures: int
    secrets_valid: int | None


class IssuedChannel(Channel):
    """`secret`: what messages are signed with, shown this once; None where nothing is signed."""

    secret: str | None


class ChannelTest(Shown):
    """What happened. `failure`: a sentence."""

    is_taken: bool
    failure: str | None
    took_ms: int


class NewBackupReport(Body):
    """`taken_at`: now if not said. `verified_at`: when it was restored as a trial."""

    kind: BackupKind
    taken_at: Moment | None = None
    verified_at: Moment | None = None
    note: ShortText | None = None


class BackupReport(Shown):
    report_id: UUID
    kind: BackupKind
    taken_at: datetime
    verified_at: datetime | None
    note: str | None
    reported_by: str
    reported_at: datetime
