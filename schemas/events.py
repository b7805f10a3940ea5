"""The form of an event in the queue: what the receiver writes and the workers read.

An event's body is JSON bytes without personal data: a *hint* is only a pointer, an *inline* document is sealed
to the tenant's public key before it gets here.
"""

from base64 import b64decode, b64encode
from datetime import datetime
from typing import Literal, NamedTuple

import orjson

EventForm = Literal["hint", "inline"]
EventKind = Literal["order", "customer"]
EventAction = Literal["upsert", "delete"]
Outcome = Literal["applied", "superseded", "duplicate", "ignored", "dead"]


class Event(NamedTuple):
    """One accepted call.

    `event_id` is a UUIDv7 (canonical text) whose time is the moment of acceptance. `stamp` is the source's own
    time of the change, if it gave one (hint: of the state; inline: of the document). `signed_at` is the signed
    time of an inline document. `sealed` is an HPKE ciphertext, only with form `inline`. `profile_id`: a customer's
    other id at the source, if the call gave it.
    """

    event_id: str
    source: str
    account: str
    integration_id: int
    form: EventForm
    kind: EventKind
    action: EventAction
    object_id: str
    state: str | None = None
    stamp: datetime | None = None
    signed_at: datetime | None = None
    sealed: bytes | None = None
    profile_id: str | None = None


def encode_event(event: Event) -> bytes:
    """The queue entry's body (JSON). The event id is not repeated in it: the entry carries it beside the body."""
    fields: dict[str, object] = {
        "s": event.source,
        "a": event.account,
        "i": event.integration_id,
        "f": event.form,
        "k": event.kind,
        "x": event.action,
        "o": event.object_id,
    }
    if event.state is not None:
        fields["st"] = event.state
    if event.stamp is not None:
        fields["t"] = event.stamp.isoformat()
    if event.signed_at is not None:
        fields["g"] = event.signed_at.isoformat()
    if event.sealed is not None:
        fields["d"] = b64encode(event.sealed).decode()
    if event.profile_id is not None:
        fields["p"] = event.profile_id
    return orjson.dumps(fields)


def decode_event(event_id: str, body: bytes) -> Event:
    """The event of a queue entry. Raises ValueError or KeyError for what `encode_event` did not write."""
    fields = orjson.loads(body)
    return Event(
        event_id=event_id,
        source=fields["s"],
        account=fields["a"],
        integration_id=fields["i"],
        form=fields["f"],
        kind=fields["k"],
        action=fields["x"],
        object_id=fields["o"],
        state=fields.get("st"),
        stamp=datetime.fromisoformat(fields["t"]) if "t" in fields else None,
        signed_at=datetime.fromisoformat(fields["g"]) if "g" in fields else None,
        sealed=b64decode(fields["d"]) if "d" in fields else None,
        profile_id=fields.get("p"),
    )
