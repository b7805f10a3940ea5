"""From a call at a known endpoint to the event that is appended: who calls, then what it says. Pure but for the time.

Whoever may not call gets UnauthorizedError before a word of the body is believed; the only exception is VTEX's ping.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from urllib.parse import parse_qsl

from app.connectors.brand.mapping import TYPES
from app.connectors.contract import Hint, Ignored, Ping
from app.connectors.reading import check_identifier, read_moment
from app.connectors.vtex.webhook import parse_order_hook, parse_trigger
from app.core.errors import MappingError
from app.core.inline import inline_info, seal_inline
from app.core.signatures import verify
from app.receiver.body import MalformedError, parse_json
from app.receiver.known_endpoint import KnownEndpoint
from schemas.events import Event, EventKind
from schemas.ids import make_uuid7
from schemas.records import CustomerRecord

_PING_BYTES_MAX = 64
_QUERY_FIELDS_MAX = 50

Taken = Event | Ping | Ignored


class UnauthorizedError(Exception):
    """The caller does not have this endpoint's secret."""


class WrongMethodError(Exception):
    """The caller may call, but not with this method."""


class Call(NamedTuple):
    """One request, its body whole. `headers`: lower-cased names. `client`: address and port of whoever is connected."""

    method: str
    headers: Mapping[bytes, bytes]
    query_string: bytes
    body: bytes
    client: tuple[str, int] | None = None


def take_order_hook(endpoint: KnownEndpoint, call: Call) -> Taken:
    """VTEX's notification. Raises UnauthorizedError, WrongMethodError, MalformedError, MappingError.

    Whether VTEX sends the secret with its ping is not documented, so exactly the ping's body is answered without.
    """
    if not endpoint.has_secret(call.headers.get(endpoint.header)):
        if call.method == "POST" and _is_ping(call.body):
            return Ping()
        raise UnauthorizedError
    if call.method != "POST":
        raise WrongMethodError
    hint = parse_order_hook(parse_json(call.body))
    if not isinstance(hint, Hint):
        return hint
    if hint.account not in endpoint.accounts:
        return Ignored("account_not_listed")
    return _make_hint(endpoint, hint.account or "", hint)


def take_trigger(endpoint: KnownEndpoint, call: Call) -> Taken:
    """Master Data's trigger: query parameters, a JSON body or both; its address is its secret.

    Raises MalformedError, MappingError.
    """
    document = parse_json(call.body) if call.body.strip() else None
    hint = parse_trigger(_parse_query(call.query_string), document)
    if not isinstance(hint, Hint):
        return hint
    # The merchant typed the body; without an account it is of the only one that this address may speak for.
    account = hint.account or (endpoint.entry.accounts[0] if len(endpoint.accounts) == 1 else None)
    if account is None:
        raise MappingError("accountName", "is missing: this address takes calls of several accounts")
    if account not in endpoint.accounts:
        return Ignored("account_not_listed")
    return _make_hint(endpoint, account, hint)


def take_inline(endpoint: KnownEndpoint, call: Call, tolerance_s: float) -> Taken:
    """A brand's document, signed as Standard Webhooks says, and sealed to its tenant before it leaves this function.

    Raises UnauthorizedError, WrongMethodError, MalformedError, MappingError.
    """
    inline = endpoint.inline
    signing_keys = inline.signing_keys if inline else ()
    signed_at = _verify(signing_keys, call, tolerance_s)
    if inline is None or signed_at is None:
        raise UnauthorizedError
    if len(signing_keys) > 1 and _verify(signing_keys[:1], call, tolerance_s) is None:
        endpoint.note_previous()
    if call.method != "POST":
        raise WrongMethodError
    document = parse_json(call.body)
    if not isinstance(document, dict):
        raise MappingError("$", "is not a JSON object")
    type_name, data = document.get("type"), document.get("data")
    if not isinstance(type_name, str) or type_name not in TYPES:
        raise MappingError("type", f"is none of {', '.join(TYPES)}")
    if not isinstance(data, dict):
        raise MappingError("data", "is missing" if data is None else "is not a JSON object")
    model, is_deletion = TYPES[type_name]
    object_id = check_identifier(data.get("external_id"), "data.external_id")
    event_id, entry = make_uuid7(), endpoint.entry
    kind: EventKind = "customer" if model is CustomerRecord else "order"
    info = inline_info(entry.tenant_id, entry.source, kind, object_id, event_id)
    return Event(
        event_id=event_id,
        source=entry.source,
        account=entry.accounts[0],
        integration_id=entry.integration_id,
        form="inline",
        kind=kind,
        action="delete" if is_deletion else "upsert",
        object_id=object_id,
        stamp=read_moment(data.get("source_updated_at")) or read_moment(document.get("timestamp")),
        signed_at=signed_at,
        sealed=seal_inline(inline.public_key, info, call.body),
    )


def _verify(signing_keys: Sequence[bytes], call: Call, tolerance_s: float) -> datetime | None:
    return verify(
        signing_keys,
        message_id=_get_text(call, b"webhook-id"),
        timestamp=_get_text(call, b"webhook-timestamp"),
        signatures=_get_text(call, b"webhook-signature"),
        body=call.body,
        now_s=time.time(),
        tolerance_s=tolerance_s,
    )


def _make_hint(endpoint: KnownEndpoint, account: str, hint: Hint) -> Event:
    entry = endpoint.entry
    return Event(
        make_uuid7(), entry.source, account, entry.integration_id, "hint", hint.kind, hint.action, hint.object_id,
        hint.state, hint.stamp, profile_id=hint.profile_id,
    )  # fmt: skip


def _is_ping(body: bytes) -> bool:
    if len(body) > _PING_BYTES_MAX:
        return False
    try:
        return isinstance(parse_order_hook(parse_json(body)), Ping)
    except (MalformedError, MappingError):
        return False


def _get_text(call: Call, name: bytes) -> str | None:
    value = call.headers.get(name)
    return None if value is None else value.decode("latin-1")


def _parse_query(query_string: bytes) -> Mapping[str, str]:
    if not query_string:
        return {}
    try:
        return dict(parse_qsl(query_string.decode("latin-1"), max_num_fields=_QUERY_FIELDS_MAX))
    except ValueError:
        raise MappingError("query", f"has more than {_QUERY_FIELDS_MAX} parameters") from None
