"""MercadoLibre's notifications, reduced to pointers.

Nobody signs them: what is read of one is who is meant and which object, and both must be ours. `resource` is never
called as it stands: its id is taken out by the topic's own form, and the address is built from that. So a forged call
can cost a read of an object of this seller's, and nothing else.

A shipment or a payment does not name its order: such a pointer is `shipment:<id>` or `payment:<id>`, and the order is
asked for by it. `sent` and `received` are times of the notification, not of the change, so a pointer has no stamp.

Source: developers.mercadolibre.com.ar, productos-recibe-notificaciones.
"""

import re
from collections.abc import Collection

from app.connectors.contract import Call, Hint, Ignored
from app.connectors.reading import JsonObject
from app.core.errors import MappingError

SHIPMENT_PREFIX, PAYMENT_PREFIX = "shipment:", "payment:"

_ID = re.compile(r"[0-9]{1,19}", re.ASCII)
# Topic → how its resource looks, and what the pointer begins with. The leading slash is missing at times.
_WANTED: dict[str, tuple[re.Pattern[str], str]] = {
    "orders_v2": (re.compile(r"/?orders/([0-9]{1,19})", re.ASCII), ""),
    "shipments": (re.compile(r"/?shipments/([0-9]{1,19})", re.ASCII), SHIPMENT_PREFIX),
    "payments": (re.compile(r"/?(?:collections|payments)/([0-9]{1,19})", re.ASCII), PAYMENT_PREFIX),
}


def parse_notification(body: object, *, applications: Collection[str], users: Collection[str]) -> Call:
    """The pointer of a notification for one of `applications` and `users` (ids as text), or why it is not wanted.

    Without any of ours, nobody's is taken. Raises MappingError naming the field; the sender is answered 200 all the
    same, as a topic that is refused too often is switched off.
    """
    if not isinstance(body, dict):
        raise MappingError("$", "is not a JSON object")
    notification = JsonObject(body)
    application, user = _get_id(notification, "application_id"), _get_id(notification, "user_id")
    if application not in applications:
        return Ignored("application_not_ours")
    if user not in users:
        return Ignored("account_not_listed")
    topic, resource = notification.peek("topic"), notification.peek("resource")
    if not isinstance(topic, str):
        raise MappingError("topic", "is missing" if topic is None else "is not a text")
    if topic not in _WANTED:
        return Ignored("topic")
    pattern, prefix = _WANTED[topic]
    found = pattern.fullmatch(resource) if isinstance(resource, str) else None
    if found is None:
        raise MappingError("resource", f"is not one of {topic}")
    return Hint(
        account=user,
        app_key=application,
        kind="order",
        action="upsert",
        object_id=prefix + found[1],
        state=None,
        stamp=None,
    )


def _get_id(notification: JsonObject, name: str) -> str:
    """Digits, as a number or as text: documented samples have both."""
    value = notification.peek(name)
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _ID.fullmatch(text):
        raise MappingError(name, "is missing" if value is None else "is not an id of digits")
    return text
