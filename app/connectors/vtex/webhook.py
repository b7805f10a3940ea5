"""VTEX's calls, reduced to pointers: the order hook's notification, its ping, and Master Data's trigger.

Pure and light: the receiver uses it on every call. Nothing personal gets through: a call becomes an id, a state
and a time. Source: docs/guides/Orders/orders-feed.md of VTEX's developer portal (hook), Master Data v1's triggers.
"""

import re
from collections.abc import Mapping
from datetime import datetime

from app.connectors.contract import Call, Hint, Ignored, Ping
from app.connectors.reading import JsonObject, check_identifier, find_latest, read_moment
from app.core.errors import MappingError
from schemas.events import EventAction

USER_ID_PREFIX = "userId:"

_STATE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}", re.ASCII)
_ACCOUNT = re.compile(r"[a-z0-9_-]{1,64}", re.ASCII)
_APP_KEY = re.compile(r"[!-~]{1,120}", re.ASCII)
_DOCUMENT_ID = re.compile(r"[0-9a-z][0-9a-z._~-]{0,99}", re.ASCII)
_DELETIONS = frozenset({"delete", "deleted", "remove", "removed", "deletion", "removal"})
_YES = frozenset({"true", "1", "yes"})
_FROM_ORDERS_STATE = "unknow"  # VTEX's own misspelling in `FromOrders` notifications: says nothing


def parse_order_hook(body: object) -> Call:
    """The pointer of an Orders Hook notification, or Ping. Raises MappingError naming the field.

    `body` is the decoded JSON. Keys may be PascalCase (hook) or camelCase (feed and relays of it).
    """
    if not isinstance(body, dict):
        raise MappingError("$", "is not a JSON object")
    if _is_ping(body):
        return Ping()
    notification = JsonObject(body)
    order_id, path = notification.get("OrderId", "orderId")
    origin = notification.get_object("Origin", "origin")
    account, account_path = origin.get("Account", "account")
    if not isinstance(account, str) or not _ACCOUNT.fullmatch(account.strip().lower()):
        raise MappingError(account_path, "is not a VTEX account name")
    app_key = origin.find_text("Key", "key")
    return Hint(
        account=account.strip().lower(),
        app_key=app_key if app_key and _APP_KEY.fullmatch(app_key) else None,
        kind="order",
        action="upsert",
        object_id=check_identifier(order_id, path),
        state=_read_state(notification.find_text("State", "state", "currentState")),
        stamp=find_latest(
            notification.find_moment("CurrentChange", "currentChange", "currentChangeDate"),
            notification.find_moment("LastChange", "lastChange", "lastChangeDate"),
        ),
    )


def _is_ping(body: dict[str, object]) -> bool:
    return len(body) == 1 and body.get("hookConfig") == "ping"


def _read_state(state: str | None) -> str | None:
    """The state as VTEX writes it, if it can be one: it goes into the ledger, so no free text."""
    if state is None or state == _FROM_ORDERS_STATE or not _STATE.fullmatch(state):
        return None
    return state


def parse_trigger(query: Mapping[str, str], body: object | None) -> Call:
    """The pointer of a Master Data v1 trigger: whatever the merchant typed, in the query, a JSON body or both.

    The document id is lower-cased and loses its `CL-` prefix. A call with only a `userId` points by that
    (`userId:<guid>`); an e-mail never does. A trigger on `AD` (addresses) points at the customer it belongs to.
    Raises MappingError naming the field and what to change in the trigger.
    """
    values = _collect_values(query, body)
    entity = values.get("dataentityid", values.get("entity", "")).strip().upper()
    if entity and not _is_placeholder(entity) and entity not in ("CL", "AD"):
        return Ignored("data_entity")
    account = values.get("accountname", values.get("account", "")).strip().lower()
    return Hint(
        account=account if _ACCOUNT.fullmatch(account) else None,
        app_key=None,
        kind="customer",
        # An address that was deleted is a change of its customer.
        action="upsert" if entity == "AD" else _read_action(values),
        object_id=_read_pointer(values, is_address=entity == "AD"),
        state=None,
        stamp=_read_stamp(values),
        profile_id=_read_profile_id(values),
    )


def _collect_values(query: Mapping[str, str], body: object | None) -> dict[str, str]:
    """All texts by lower-cased name without separators. The query wins: the merchant's type hint stands in the URL."""
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    if body is not None and not isinstance(body, dict):
        raise MappingError("$", "is not a JSON object; paste the body from the integration's page into the trigger")
    values: dict[str, str] = {}
    for source in (body or {}, query):
        for name, value in source.items():
            text = str(value).lower() if isinstance(value, bool) else value
            if isinstance(text, str) and text.strip():
                values[name.lower().replace("_", "").replace("-", "")] = text.strip()
    return values


def _read_pointer(values: Mapping[str, str], *, is_address: bool) -> str:
    user_id = values.get("userid", "")
    document_id = "" if is_address else values.get("id") or values.get("documentid", "")
    for field, value, prefix in (("id", document_id, ""), ("userId", user_id, USER_ID_PREFIX)):
        if not value or _is_placeholder(value):
            continue
        pointer = value.lower().removeprefix("cl-")
        if _DOCUMENT_ID.fullmatch(pointer) and pointer not in (".", ".."):
            return prefix + pointer
        raise MappingError(field, "is not a document id: send {!id} of the CL entity (never the e-mail)")
    field = "userId" if is_address else "id"
    if _is_placeholder(values.get(field.lower(), "")):
        raise MappingError(
            field,
            "still holds the placeholder: Master Data did not fill it in. Set the trigger on the entity CL, "
            'write the body as JSON with "id": "{!id}", and leave no blank inside the braces',
        )
    raise MappingError(field, 'is missing: the trigger must send "id": "{!id}" (or "userId": "{!userId}")')


def _read_profile_id(values: Mapping[str, str]) -> str | None:
    """Only a help, so anything that is no id is nothing."""
    profile_id = values.get("userid", "").lower()
    return profile_id if _DOCUMENT_ID.fullmatch(profile_id) else None


def _is_placeholder(value: str) -> bool:
    return "{!" in value or "{=" in value


def _read_action(values: Mapping[str, str]) -> EventAction:
    for name in ("remove", "delete", "deleted", "removed"):
        if values.get(name, "").lower() in _YES:
            return "delete"
    for name in ("action", "event", "type", "operation"):
        if values.get(name, "").lower() in _DELETIONS:
            return "delete"
    return "upsert"


def _read_stamp(values: Mapping[str, str]) -> datetime | None:
    names = ("updatedin", "lastinteractionin", "createdin")
    return find_latest(*(read_moment(values.get(name)) for name in names))
