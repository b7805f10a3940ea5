"""How a page speaks to who looks at it: language, time zone, theme, currency.

The person's own choice comes first, then the tenant's, then what the browser asks for.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal, NamedTuple, get_args
from urllib.parse import parse_qs, urlencode
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError

from app.services.tenant_settings import DEFAULTS
from db.tenants import Tenant

Language = Literal["es", "pt", "en"]
Theme = Literal["auto", "light", "dark"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
THEMES: tuple[Theme, ...] = get_args(Theme)
CHOICE_COOKIE = "acequia_view"
CHOICE_MAX_AGE_S = 365 * 86_400
TENANTS_ZONE = "tenant"
_FALLBACK_LOCALES: Mapping[Language, str] = {"es": "es_AR", "pt": "pt_BR", "en": "en_US"}


class Choice(NamedTuple):
    """What a browser remembers of its person. `zone`: `tenant`, or a name of the IANA's."""

    theme: Theme = "auto"
    zone: str = TENANTS_ZONE
    language: Language | None = None


class Viewer(NamedTuple):
    """`locale`: language and country, for numbers and dates. `has_own_zone`: it is not the tenant's."""

    language: Language
    locale: Locale
    zone: ZoneInfo
    zone_name: str
    theme: Theme
    currency: str
    choice: Choice


def make_viewer(
    choice: Choice, *, person_language: str | None, tenant: Tenant | None, accept_language: str | None
) -> Viewer:
    """Unknown languages and zones are passed over for the next best."""
    settings: Mapping[str, object] = tenant.settings if tenant else {}
    tenant_language = str(settings.get("language", DEFAULTS["language"])) if tenant else None
    asked = read_accepted_language(accept_language)
    candidates = (person_language, choice.language, tenant_language, asked, "en")
    language = next(name for name in candidates if name in LANGUAGES)
    country = tenant.country if tenant else None
    wanted = choice.zone if choice.zone != TENANTS_ZONE else str(settings.get("timezone", "")) if tenant else ""
    if tenant and not wanted:
        wanted = str(DEFAULTS["timezone"])
    zone = find_zone(wanted) or ZoneInfo("UTC")
    return Viewer(
        language, find_locale(language, country), zone, str(zone), choice.theme,
        str(settings.get("currency", DEFAULTS["currency"])), choice,
    )  # fmt: skip


def read_choice(cookie: str | None) -> Choice:
    """What the cookie says, as far as it can be right."""
    fields = {name: values[0] for name, values in parse_qs((cookie or "")[:300]).items()}
    theme, zone, language = fields.get("theme", ""), fields.get("zone", TENANTS_ZONE), fields.get("language")
    return Choice(
        theme if theme in THEMES else "auto",
        zone if zone == TENANTS_ZONE or find_zone(zone) else TENANTS_ZONE,
        language if language in LANGUAGES else None,
    )


def write_choice(choice: Choice, *, is_secure: bool) -> str:
    """`Set-Cookie`."""
    fields = {name: value for name, value in choice._asdict().items() if value is not None}
    secure = "; Secure" if is_secure else ""
    return (
        f"{CHOICE_COOKIE}={urlencode(fields)}; Path=/dashboard; Max-Age={CHOICE_MAX_AGE_S}; HttpOnly; SameSite=Lax"
        f"{secure}"
    )


def read_accepted_language(header: str | None) -> str | None:
    """The first of a browser's languages that we have, in the order given."""
    for part in (header or "")[:300].split(","):
        name = part.partition(";")[0].strip().lower()[:2]
        if name in LANGUAGES:
            return name
    return None


@lru_cache(maxsize=1_000)
def find_zone(name: str) -> ZoneInfo | None:
    if not name or len(name) > 60:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, no name at all, a folder of the database
        return None


@lru_cache(maxsize=1_000)
def find_locale(language: Language, country: str | None) -> Locale:
    try:
        return Locale.parse(f"{language}_{country}") if country else Locale.parse(_FALLBACK_LOCALES[language])
    except (UnknownLocaleError, ValueError):
        return Locale.parse(_FALLBACK_LOCALES[language])
