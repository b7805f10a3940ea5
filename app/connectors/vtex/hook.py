"""The order hook's configuration: reading it, making ours, and telling ours from somebody else's.

VTEX keeps one hook per app key, and saving replaces what stood there. So what is found is judged before anything is
written: taking another party's hook for ours would cut that party off without a word.
Source: VTEX's guide "Orders feed and hook"; the answer of GET hook/config has no documented schema.
"""

import re
from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from app.connectors.reading import JsonObject
from app.connectors.vtex.statuses import HOOK_STATUSES

HookVerdict = Literal["none", "ours", "ours_outdated", "foreign"]

HOOK_PATH_PREFIX = "/webhooks/vtex/"
_FILTER_TYPE = "FromWorkflow"  # FromOrders is known to skip events
_STATUSES_MAX = 200
_DEFAULT_PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?|[0-9a-f:.]{2,45}")
_TOKEN = re.compile(r"[0-9A-Za-z_-]+")
_UNREADABLE = "an address that cannot be shown"


class HookConfiguration(NamedTuple):
    """A hook as it was found. Of the headers only the names are kept: their values are the other side's secret.

    `filter_type` and `statuses` None: the answer does not say.
    """

    url: str
    header_names: tuple[str, ...]
    filter_type: str | None
    statuses: frozenset[str] | None


class _Address(NamedTuple):
    scheme: str
    host: str
    port: int
    path: str
    rest: str


def read_hook(document: object) -> HookConfiguration | None:
    """The hook of a decoded GET hook/config; None when there is none.

    A hook that stands there in a shape we do not know is still a hook: its url is then empty, and it is foreign.
    """
    found = JsonObject(document)
    hook = found.get_object("hook", "Hook")
    rules = found.get_object("filter", "Filter")
    url = (hook or found).find_text("url", "Url", "URL", chars_max=2_000)
    if url is None and not hook:
        return None
    return HookConfiguration(
        url=url or "",
        header_names=_list_header_names(hook or found),
        filter_type=rules.find_text("type", "Type", chars_max=60),
        statuses=_list_statuses(rules),
    )


def make_hook(url: str, headers: Mapping[str, str]) -> dict[str, object]:
    """The body of POST hook/config: every status, and `headers` (our secret) with each notification."""
    return {
        "filter": {"type": _FILTER_TYPE, "status": list(HOOK_STATUSES)},
        "hook": {"url": url, "headers": dict(headers)},
    }


def judge_hook(found: HookConfiguration | None, our_base_url: str, our_urls: Collection[str]) -> HookVerdict:
    """Whose hook it is. `our_base_url`: PUBLIC_URL; `our_urls`: the addresses of this integration that are valid now.

    `ours`: one of these, with a filter that tells every status. `ours_outdated`: under our own address, with another
    token or a narrower filter; it may be replaced. Everything else is foreign, also what cannot be read.
    """
    if found is None:
        return "none"
    base, address = _read_address(our_base_url), _read_address(found.url)
    if base is None or address is None or address[:3] != base[:3]:
        return "foreign"
    # Only one plain segment follows: nothing encoded, no `..`, no further path.
    prefix = base.path.rstrip("/") + HOOK_PATH_PREFIX
    if not address.path.startswith(prefix) or not _TOKEN.fullmatch(address.path.removeprefix(prefix)):
        return "foreign"
    is_current = address in {_read_address(url) for url in our_urls}
    return "ours" if is_current and _tells_everything(found) else "ours_outdated"


def describe_foreign(url: str) -> str:
    """The host of somebody else's address. Never its path, query or user: they may hold that party's secret."""
    address = _read_address(url)
    return address.host if address is not None else _UNREADABLE


def _read_address(url: str) -> _Address | None:
    """The address in one spelling; None for what two readers could take for different hosts."""
    if not url.isascii() or not url.isprintable() or "\\" in url or " " in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = (parts.hostname or "").removesuffix(".")
    if parts.scheme not in _DEFAULT_PORTS or not _HOST.fullmatch(host) or "@" in parts.netloc:
        return None
    port = _DEFAULT_PORTS[parts.scheme] if port is None else port
    return _Address(parts.scheme, host, port, parts.path, f"{parts.query}#{parts.fragment}")


def _tells_everything(found: HookConfiguration) -> bool:
    """What the answer does not say is taken for right: else an unknown shape would be replaced again and again."""
    is_by_status = found.filter_type is None or found.filter_type.lower() == _FILTER_TYPE.lower()
    return is_by_status and (found.statuses is None or found.statuses >= set(HOOK_STATUSES))


def _list_header_names(hook: JsonObject) -> tuple[str, ...]:
    headers, _ = hook.get("headers", "Headers")
    return tuple(sorted(str(name)[:100] for name in headers)) if isinstance(headers, dict) else ()


def _list_statuses(rules: JsonObject) -> frozenset[str] | None:
    statuses, _ = rules.get("status", "Status")
    if not isinstance(statuses, list) or not statuses:
        return None
    return frozenset(status for status in statuses[:_STATUSES_MAX] if isinstance(status, str))
