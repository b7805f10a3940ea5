"""How near an app and an account are to Meta's limits, as answers that succeed say in their headers.

Whoever waits for the refusal has been blocked already: for minutes, and for everybody who uses the account.

Headers: X-App-Usage, X-Business-Use-Case-Usage, X-Ad-Account-Usage, X-FB-Ads-Insights-Throttle; all are percents.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

SLOW_FROM_PERCENT: Final = 75.0
PAUSE_FROM_PERCENT: Final = 95.0
PAUSE_S: Final = 60.0
SLOW_S_MAX: Final = 10.0
_HEADERS = ("x-app-usage", "x-ad-account-usage", "x-fb-ads-insights-throttle", "x-business-use-case-usage")
_PERCENTS = frozenset({"call_count", "total_cputime", "total_time", "acc_id_util_pct", "app_id_util_pct"})
_WAIT_S_MAX = 86_400.0


def find_pause_s(headers: Mapping[str, str]) -> float:
    """For how long nobody should call: 0 below 75 %, ever longer up to 95 %, and then what Meta says, or a minute."""
    uses = [use for name in _HEADERS for use in _list_uses(headers.get(name))]
    percent = max((_read(use, name) for use in uses for name in _PERCENTS), default=0.0)
    if percent < SLOW_FROM_PERCENT:
        return 0.0
    if percent < PAUSE_FROM_PERCENT:
        return SLOW_S_MAX * (percent - SLOW_FROM_PERCENT) / (PAUSE_FROM_PERCENT - SLOW_FROM_PERCENT)
    told_s = max((60 * _read(use, "estimated_time_to_regain_access") for use in uses), default=0.0)
    told_s = max(told_s, max((_read(use, "reset_time_duration") for use in uses), default=0.0))
    return min(told_s, _WAIT_S_MAX) or PAUSE_S


def _list_uses(header: str | None) -> Iterator[dict[str, Any]]:
    """Flat, or by business with a list of kinds of use."""
    try:
        found = orjson.loads(header) if header else None
    except orjson.JSONDecodeError:
        return
    if not isinstance(found, dict):
        return
    yield found
    for kinds in found.values():
        yield from (kind for kind in kinds if isinstance(kind, dict)) if isinstance(kinds, list) else ()


def _read(use: dict[str, Any], name: str) -> float:
    value = use.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else 0.0
