"""What is said of an alert in Spanish, Portuguese and English: pages and messages use the same words. Pure."""

import tomllib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.numbers import format_decimal
from babel.units import format_unit

from app.services.alert_rules import RULES, Unit
from app.services.tenant_limits import GIGABYTE
from db.alerts import AlertRow

LOCALES: Mapping[str, str] = {"es": "es_AR", "pt": "pt_BR", "en": "en"}
_PATH = Path(__file__).with_suffix(".toml")
_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
_MOMENTS = {"last_sync_at", "silent_since", "expires_at", "ends_at"}


class Reader(NamedTuple):
    """In which words, and whose clock."""

    language: str
    zone: ZoneInfo

    @property
    def locale(self) -> str:
        return LOCALES.get(self.language, "en")


class Said(NamedTuple):
    """`title`: one line. `text`: what is so, in figures. `todo`: what helps. `example`: one thing to begin with."""

    title: str
    text: str
    todo: str
    example: str | None


def tell(row: AlertRow, reader: Reader) -> Said:
    """What is said of an alert as it is now. A rule of an older version is told by its name."""
    rule = RULES.get(row.rule)  # type: ignore[call-overload]
    if rule is None:
        return Said(row.rule, row.rule, "", None)
    parts = list_parts(row, reader)
    return Said(
        say(f"rule.{rule.name}", reader.language, parts),
        say(f"text.{rule.name}", reader.language, parts),
        say(f"todo.{rule.action}", reader.language),
        _tell_example(row, reader),
    )


def say(key: str, language: str, parts: Mapping[str, object] | None = None) -> str:
    """One text; a part that is not known is shown as a dash."""
    texts = load_texts()[key]
    return texts.get(language, texts["en"]).format_map(_Parts(parts or {}))


def list_parts(row: AlertRow, reader: Reader) -> dict[str, str]:
    """Every figure of an alert as its texts show it."""
    unit = RULES[row.rule].unit  # type: ignore[index]
    parts = {"value": write_figure(row.value, unit, reader), "threshold": write_figure(row.threshold, unit, reader)}
    for name, value in row.details.items():
        parts[name] = _write(row.rule, name, value, reader)
    return parts


def write_figure(value: float | None, unit: Unit | None, reader: Reader) -> str:
    """A figure with its unit: `7 hours`, `91.5%`, `12`."""
    if value is None:
        return "–"
    if unit == "percent":
        return f"{format_decimal(round(value, 1), locale=reader.locale)}\u00a0%"
    spans = {"hours": 3_600, "days": 86_400, "seconds": 1}
    if unit in spans:
        if value == 0:
            return str(format_unit(0, f"duration-{unit.removesuffix('s')}", locale=reader.locale))
        return write_duration(max(value, 0) * spans[unit], reader)
    return format_decimal(round(value, 1), locale=reader.locale)


def write_duration(seconds: float, reader: Reader) -> str:
    """`90 seconds`, `36 hours`, `3 days`: the largest unit of which there are two."""
    unit, length_s = next((one for one in _UNITS if seconds >= 2 * one[1]), _UNITS[-1])
    return str(format_unit(round(seconds / length_s), f"duration-{unit}", locale=reader.locale))


def write_moment(moment: datetime, reader: Reader) -> str:
    """In the reader's time zone, which is named."""
    return format_datetime(moment, "d MMM y, HH:mm z", tzinfo=reader.zone, locale=reader.locale)


@cache
def load_texts() -> dict[str, dict[str, str]]:
    """`rule.storage` → language → text."""
    tables = tomllib.loads(_PATH.read_text(encoding="utf-8"))
    return {f"{area}.{name}": texts for area, table in tables.items() for name, texts in table.items()}


def _write(rule: str, name: str, value: Any, reader: Reader) -> str:
    if name in _MOMENTS:
        return write_moment(datetime.fromisoformat(value), reader) if value else say("label.never", reader.language)
    if name == "kinds":
        return ", ".join(say(f"backup.{kind}", reader.language) for kind in value)
    if rule == "storage" and isinstance(value, int):
        return f"{format_decimal(round(value / GIGABYTE, 2), locale=reader.locale)}\u00a0GB"
    return format_decimal(value, locale=reader.locale) if isinstance(value, int | float) else str(value)


def _tell_example(row: AlertRow, reader: Reader) -> str | None:
    example = row.details.get("example")
    return say("label.dead_letter", reader.language, example) if example else None


class _Parts(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "–"
