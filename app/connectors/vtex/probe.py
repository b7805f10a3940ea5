"""Test calls of our own order-hook addresses: made here, and told from VTEX's where an event is read.

A test call is a notification like any other, with the address's secret, of an order that VTEX cannot have. The receiver
knows nothing of it; a worker settles its event without asking VTEX.
"""

from datetime import datetime

from schemas.events import Event

PROBE_STATE = "acequia-probe"
_ID_PREFIX = "acequia-probe-"


def make_probe(account: str, name: str, now: datetime) -> dict[str, object]:
    """The body of the call. `name`: letters and digits that tell this one from others."""
    moment = now.isoformat()
    return {
        "Domain": "Marketplace",
        "OrderId": _ID_PREFIX + name,
        "State": PROBE_STATE,
        "LastState": None,
        "LastChange": moment,
        "CurrentChange": moment,
        "Origin": {"Account": account, "Key": PROBE_STATE},
    }


def is_probe(event: Event) -> bool:
    """Both marks are needed: an order that somebody enqueues by hand has no state."""
    return event.kind == "order" and event.state == PROBE_STATE and event.object_id.startswith(_ID_PREFIX)
