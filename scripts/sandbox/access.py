"""App keys of an account, and what each may do: a resource of VTEX's License Manager that it lacks is a 403."""

import hmac
from collections.abc import Iterable
from typing import NamedTuple

from scripts.sandbox.asgi import Reply, Request, answer_json

ALL_PERMISSIONS = frozenset(
    {
        "List Orders",
        "View order",
        "Orders Full Access",
        "Feed v3 and Hook Admin",
        "Feed v3 and Hook view only",
        "Read only documents",
    }
)
# Any one of them is enough. Source: the permissions that each route names in VTEX's OpenAPI documents.
_NEEDED = {
    "list_orders": {"List Orders", "Orders Full Access"},
    "get_order": {"View order", "Orders Full Access"},
    "get_conversation": {"Orders Full Access"},
    "get_hook": {"Feed v3 and Hook Admin", "Feed v3 and Hook view only"},
    "post_hook": {"Feed v3 and Hook Admin"},
    "delete_hook": {"Feed v3 and Hook Admin"},
    "get_customer": {"Read only documents"},
    "search_CL": {"Read only documents"},
    "search_AD": {"Read only documents"},
    "scroll_CL": {"Read only documents"},
    "scroll_AD": {"Read only documents"},
}
_MASTER_DATA = ("get_customer", "search_CL", "search_AD", "scroll_CL", "scroll_AD")
_UNAUTHORIZED = {"error": {"code": "1", "message": "Acesso não autorizado", "exception": None}}


class AppKey(NamedTuple):
    token: str
    permissions: frozenset[str] = ALL_PERMISSIONS


def read_permissions(names: Iterable[str]) -> frozenset[str]:
    """Raises ValueError for a permission that there is not: a misspelt one would look like a missing one."""
    given = frozenset(names)
    if given - ALL_PERMISSIONS:
        raise ValueError(f"permissions: there are {', '.join(sorted(ALL_PERMISSIONS))}")
    return given


def is_right(keys: dict[str, AppKey], app_key: object, token: object) -> bool:
    known = keys.get(app_key) if isinstance(app_key, str) else None
    return known is not None and isinstance(token, str) and hmac.compare_digest(known.token.encode(), token.encode())


def find_refusal(keys: dict[str, AppKey], route: str, request: Request) -> Reply | None:
    """401 for a wrong key or token, 403 for a right one without the route's resource, None for a call that may pass."""
    app_key = request.headers.get("x-vtex-api-appkey", "")
    if not is_right(keys, app_key, request.headers.get("x-vtex-api-apptoken", "")):
        return answer_json(_UNAUTHORIZED, 401)
    needed = _NEEDED.get(route)
    if needed is None or needed & keys[app_key].permissions:
        return None
    return answer_json({"Message": "Unauthorized"} if route in _MASTER_DATA else _UNAUTHORIZED, 403)
