"""A message about an alert: what every channel makes its own form of. Pure.

The JSON form is part of the product (docs/alerts.md): members are added and never change their meaning.
"""

from collections.abc import Mapping
from datetime import datetime
from html import escape
from typing import Any, Literal, NamedTuple

from app.services.alert_rules import RULES
from app.services.alert_texts import Reader, Said, say, tell, write_duration, write_moment
from app.services.ids import IntegrationId
from db.alerts import AlertRow

MessageKind = Literal["opened", "repeated", "closed", "test"]
_COLOURS: Mapping[str, str] = {"warning": "#b26a00", "critical": "#b3261e", "closed": "#1b7f4b", "test": "#44546a"}


class Message(NamedTuple):
    """`lines`: label and text, one below the other. `colour`: of its kind, beside its words. `data`: for programs."""

    kind: MessageKind
    subject: str
    title: str
    text: str
    lines: list[tuple[str, str]]
    url: str | None
    link_label: str
    colour: str
    data: Mapping[str, Any]

    @property
    def as_text(self) -> str:
        parts = [self.title, self.text, *(f"{label}: {text}" for label, text in self.lines)]
        return "\n\n".join([*parts, *([self.url] if self.url else [])]) + "\n"

    @property
    def as_html(self) -> str:
        """Plain tags, no image, no script, nothing fetched."""
        rows = "".join(f"<p><b>{escape(label)}</b><br>{escape(text)}</p>" for label, text in self.lines)
        link = f'<p><a href="{escape(self.url)}">{escape(self.link_label)}</a></p>' if self.url else ""
        return (
            '<!doctype html><html><head><meta charset="utf-8"></head>'
            '<body style="font-family:sans-serif;font-size:15px;line-height:1.45;color:#1a1a1a;max-width:40em">'
            f'<h1 style="font-size:18px;border-left:4px solid {self.colour};padding-left:10px">'
            f"{escape(self.title)}</h1>"
            f"<p>{escape(self.text)}</p>{rows}{link}</body></html>"
        )


def make_message(
    row: AlertRow, kind: MessageKind, owner: str | None, reader: Reader, dashboard_url: str | None
) -> Message:
    """`owner`: the tenant's name; None: the platform."""
    said, language = tell(row, reader), reader.language
    occasion = "unwatched" if kind == "closed" and row.closed_because == "unwatched" else kind
    name = owner or say("label.platform", language)
    word = say(f"occasion.{occasion}", language)
    text = said.text
    if row.closed_at is not None:
        duration = write_duration((row.closed_at - row.opened_at).total_seconds(), reader)
        text = say("label.lasted", language, {"duration": duration})
    return Message(
        kind, f"[{word}] {name}: {said.title}", f"{word}: {said.title} · {name}", text, _list_lines(row, said, reader),
        find_alert_url(row, dashboard_url), say("label.open", language),
        _COLOURS["closed" if row.state == "closed" else row.severity], _make_data(row, owner, said, dashboard_url),
    )  # fmt: skip


def make_test_message(tenant_id: int, channel: str, owner: str | None, reader: Reader, now: datetime) -> Message:
    """What a channel's test button sends."""
    name = owner or say("label.platform", reader.language)
    word = say("occasion.test", reader.language)
    text = say("label.test_text", reader.language, {"channel": channel, "tenant": name})
    data = {"tenant_id": tenant_id or None, "tenant": owner, "title": word, "text": text}
    lines = [(say("label.since", reader.language), write_moment(now, reader))]
    return Message("test", f"[{word}] {name}", f"{word} · {name}", text, lines, None, "", _COLOURS["test"], data)


def find_alert_url(row: AlertRow, dashboard_url: str | None) -> str | None:
    """Where it is looked at; None while nobody said where the dashboard is."""
    if not dashboard_url:
        return None
    place = f"/tenants/{row.tenant_id}" if row.tenant_id else ""
    return f"{dashboard_url.rstrip('/')}{place}/alerts/{row.alert_id}"


def _list_lines(row: AlertRow, said: Said, reader: Reader) -> list[tuple[str, str]]:
    language = reader.language
    lines = [
        (say("label.since", language), write_moment(row.opened_at, reader)),
        (say("label.severity", language), say(f"severity.{row.severity}", language)),
    ]
    if row.closed_at is not None:
        return [*lines, (say("label.until", language), write_moment(row.closed_at, reader))]
    if said.example:
        lines.append((say("label.example", language), said.example))
    if row.repeats:
        lines.append((say("label.repeats", language), str(row.repeats)))
    return [*lines, (say("label.todo", language), said.todo)]


def _make_data(row: AlertRow, owner: str | None, said: Said, dashboard_url: str | None) -> dict[str, Any]:
    rule = RULES.get(row.rule)  # type: ignore[call-overload]
    integration = str(IntegrationId(row.tenant_id, row.integration_id)) if row.integration_id else None
    return {
        "alert_id": str(row.alert_id),
        "tenant_id": row.tenant_id or None,
        "tenant": owner,
        "integration_id": integration,
        "rule": row.rule,
        "severity": row.severity,
        "state": row.state,
        "closed_because": row.closed_because,
        "opened_at": row.opened_at.isoformat(),
        "closed_at": None if row.closed_at is None else row.closed_at.isoformat(),
        "value": row.value,
        "threshold": row.threshold,
        "unit": rule.unit if rule else None,
        "repeats": row.repeats,
        "details": dict(row.details),
        "title": said.title,
        "text": said.text,
        "action": rule.action if rule else None,
        "todo": said.todo,
        "url": find_alert_url(row, dashboard_url),
    }
