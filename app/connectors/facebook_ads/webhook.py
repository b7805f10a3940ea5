"""Meta's webhooks: the check of a new address, and deliveries signed over their raw bytes.

Meta signs what it sends, escapes and all, so a body is verified before anything reads it, never one that was written
anew. An empty secret or verify token is a disabled address, and matches nothing. Insights have no webhook: what comes
are changes of pages, forms and accounts; they are reduced to who and what, and repeated for up to 36 hours.

Source: Graph API, webhooks, getting started.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from app.connectors.reading import JsonObject
from app.core.errors import MappingError

CHANGES_MAX = 1_000

_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})", re.ASCII)
_CHALLENGE = re.compile(r"[0-9A-Za-z_.-]{1,200}", re.ASCII)
_WORD = re.compile(r"[a-z][a-z0-9_]{0,59}", re.ASCII)
_ID = re.compile(r"[0-9]{1,20}", re.ASCII)


class Change(NamedTuple):
    """What a delivery tells of: `object_kind` page, user, ad_account …; `owner_id`: whose; `field`: leadgen, feed …;
    `at`: when, UTC."""

    object_kind: str
    owner_id: str
    field: str
    at: datetime | None


def verify_signature(body: bytes, header: str | None, app_secrets: Sequence[str]) -> bool:
    """Whether one of the secrets made the header `X-Hub-Signature-256` over these bytes. Takes as long for each."""
    found = _SIGNATURE.fullmatch(header or "")
    offered = found[1] if found else ""
    is_valid = False
    for secret in app_secrets:
        expected = hmac.new(secret.encode(), body, "sha256").hexdigest()
        is_valid |= hmac.compare_digest(expected, offered) and bool(secret)
    return is_valid


def answer_challenge(query: Mapping[str, str], verify_token: str) -> str | None:
    """What to answer to Meta's GET, as plain text; None: 403. The challenge is echoed only in the form Meta's have."""
    offered = query.get("hub.verify_token", "")
    is_ours = hmac.compare_digest(offered.encode("utf-8", "replace"), verify_token.encode("utf-8", "replace"))
    challenge = query.get("hub.challenge", "")
    if not is_ours or not verify_token or query.get("hub.mode") != "subscribe" or not _CHALLENGE.fullmatch(challenge):
        return None
    return challenge


def parse_delivery(body: object) -> list[Change]:
    """The changes of a verified delivery, each once, without their values. Raises MappingError naming the field."""
    if not isinstance(body, dict):
        raise MappingError("$", "is not a JSON object")
    delivery = JsonObject(body)
    kind = delivery.peek("object")
    if not isinstance(kind, str) or not _WORD.fullmatch(kind):
        raise MappingError("object", "is missing" if kind is None else "is not a kind of object")
    changes: dict[Change, None] = {}
    for entry in delivery.get_objects("entry"):
        owner_id = entry.find_text("id", chars_max=20) or ""
        if not _ID.fullmatch(owner_id):
            raise MappingError(f"{entry.path}.id", "is not an id of digits")
        at = _read_time(entry)
        for change in entry.get_objects("changes"):
            field = change.peek("field")
            if not isinstance(field, str) or not _WORD.fullmatch(field):
                raise MappingError(f"{change.path}.field", "is not a field's name")
            changes[Change(kind, owner_id, field, at)] = None
            if len(changes) > CHANGES_MAX:
                raise MappingError("entry", f"has more than {CHANGES_MAX} changes")
    return list(changes)


def _read_time(entry: JsonObject) -> datetime | None:
    """Unix seconds."""
    value = entry.peek("time")
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**33:
        return None
    found = datetime.fromtimestamp(value, UTC)
    return found if found.year < 2200 else None
