"""Features: switches of a tenant, by any snake_case name. The known ones say what they gate; others are kept."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from schemas.tenants import FEATURE_NAME, FEATURE_NAME_CHARS_MAX


class FeatureState(NamedTuple):
    """A feature as a page shows it. `gates`: what is refused without it; None for one that gates nothing (yet)."""

    name: str
    is_enabled: bool
    is_known: bool
    gates: str | None


# `api_access` is on unless it is switched off: a trial must be able to set itself up by the API, too. Switched off, it
# closes the tenant's records and events to keys and people; its settings, integrations and access stay reachable.
GATES: Mapping[str, str | None] = {
    "rfm_analysis": None,
    "clv_prediction": None,
    "churn_detection": None,
    "email_automation": None,
    "api_access": "keys and people of the tenant may call /api/v2 for its customers, orders and events",
    "custom_reports": None,
    "advanced_analytics": None,
}
ON_BY_DEFAULT = frozenset({"api_access"})


def has_feature(settings: Mapping[str, Any], name: str) -> bool:
    """Whether a tenant with these settings has it. Only `true` switches on, only `false` switches off."""
    told = read_features(settings).get(name)
    return name in ON_BY_DEFAULT if told is None else told


def list_features(settings: Mapping[str, Any]) -> list[FeatureState]:
    """The known ones in the document's order, then what else the settings name, by name."""
    told = read_features(settings)
    unknown = sorted(told.keys() - GATES.keys())
    return [
        *(FeatureState(name, has_feature(settings, name), True, gates) for name, gates in GATES.items()),
        *(FeatureState(name, told[name], False, None) for name in unknown),
    ]


def read_features(settings: Mapping[str, Any]) -> dict[str, bool]:
    """What the settings say, without what is neither true nor false."""
    told = settings.get("features")
    if not isinstance(told, Mapping):
        return {}
    return {str(name): value for name, value in told.items() if isinstance(value, bool)}


def is_feature_name(name: str) -> bool:
    """Whether it may be kept as a feature: snake_case, ASCII, at most FEATURE_NAME_CHARS_MAX."""
    return len(name) <= FEATURE_NAME_CHARS_MAX and re.fullmatch(FEATURE_NAME, name) is not None
