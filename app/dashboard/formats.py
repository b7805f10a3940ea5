"""Numbers, sizes, money and times as the viewer reads them. Times are relative, with the exact moment beside them."""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from babel import Locale
from babel.dates import format_date, format_timedelta
from babel.numbers import (
    format_compact_decimal,
    format_currency,
    format_decimal,
    format_percent,
    get_currency_precision,
)
from markupsafe import Markup

from app.dashboard.viewer import Viewer

_CODE = re.compile(r"[A-Z]{3}(?=\d)")
NOTHING = "–"
RELATIVE_FOR = timedelta(days=30)
CLOCKS_APART_S = 3
_SIZES = ("B", "kB", "MB", "GB", "TB")


class Formats:
    """The formatting functions of templates, for one viewer at one moment. None becomes a dash."""

    def __init__(self, viewer: Viewer, now: datetime) -> None:
        self._viewer = viewer
        self._locale = viewer.locale
        self._now = now

    def num(self, value: float | None, digits: int = 0) -> str:
        """Grouped as the language does."""
        return NOTHING if value is None else _format_number(self._locale, value, digits)

    def compact(self, value: float | None) -> str:
        """12.3 K."""
        if value is None:
            return NOTHING
        return format_compact_decimal(value, locale=self._locale, fraction_digits=1 if value >= 1_000 else 0)

    def size(self, octets: float | None) -> str:
        """Bytes, in the unit that reads best (1 kB = 1,000 bytes)."""
        if octets is None:
            return NOTHING
        value, unit = float(octets), 0
        while value >= 1_000 and unit < len(_SIZES) - 1:
            value, unit = value / 1_000, unit + 1
        return f"{_format_number(self._locale, value, 1 if unit and value < 100 else 0)} {_SIZES[unit]}"

    def percent(self, share: float | None, digits: int = 0) -> str:
        """0.5 is 50 %."""
        if share is None:
            return NOTHING
        return _format_percent(self._locale, round(share, digits + 2), digits)

    def money(self, minor: int | None, currency: str | None) -> str:
        """Minor units of that currency."""
        if minor is None:
            return NOTHING
        if not currency:
            return self.num(minor)
        value = minor / 10 ** get_currency_precision(currency)
        # A code in place of a sign stands apart from the number, which some locales do not say.
        return _CODE.sub("\\g<0>\N{NO-BREAK SPACE}", format_currency(value, currency, locale=self._locale))

    def duration(self, seconds: float | None) -> str:
        """350 ms, 4.2 s, 3 min 20 s, 5 h 10 min, 2 d 4 h."""
        if seconds is None:
            return NOTHING
        if seconds < 1:
            return f"{self.num(seconds * 1_000)} ms"
        if seconds < 60:
            return f"{self.num(seconds, 1 if seconds < 10 else 0)} s"
        whole = round(seconds)
        for unit_s, unit, inner_s, inner in (
            (86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s"),
        ):  # fmt: skip
            if whole >= unit_s:
                rest = whole % unit_s // inner_s
                return f"{whole // unit_s} {unit}" + (f" {rest} {inner}" if rest else "")
        return f"{whole} s"

    def moment(self, at: datetime | None) -> str:
        """Exact, in the viewer's zone: 2026-11-24 14:03:59 -03."""
        return NOTHING if at is None else f"{at.astimezone(self._viewer.zone):%Y-%m-%d %H:%M:%S %Z}"

    def day(self, at: date | None) -> str:
        if at is None:
            return NOTHING
        if isinstance(at, datetime):
            at = at.astimezone(self._viewer.zone).date()
        return format_date(at, "medium", locale=self._locale)

    def ago(self, at: datetime | None) -> str:
        """Relative; a day for what is further than a month."""
        if at is None:
            return NOTHING
        distance = at - self._now
        if abs(distance) > RELATIVE_FOR:
            return self.day(at)
        seconds = round(distance.total_seconds())
        # Clocks of two machines differ: what is a moment ahead has just been.
        return _format_distance(self._locale, -1 if -1 <= seconds <= CLOCKS_APART_S else seconds)

    def when(self, at: datetime | None) -> Markup:
        """A `<time>`: relative, the exact moment on hover and for programs."""
        if at is None:
            return Markup("–")
        iso = at.astimezone(UTC).isoformat(timespec="seconds")
        return Markup('<time datetime="{}" title="{}">{}</time>').format(iso, self.moment(at), self.ago(at))


@lru_cache(maxsize=20_000)
def _format_distance(locale: Locale, seconds: int) -> str:
    return format_timedelta(timedelta(seconds=seconds), add_direction=True, threshold=1.2, locale=locale)


@lru_cache(maxsize=20_000)
def _format_percent(locale: Locale, share: float, digits: int) -> str:
    return format_percent(share, locale=locale, format=f"#,##0{'.' + '0' * digits if digits else ''} %")


@lru_cache(maxsize=20_000)
def _format_number(locale: Locale, value: float, digits: int) -> str:
    return format_decimal(round(value, digits), locale=locale, format="#,##0." + "#" * digits if digits else "#,##0")
