"""Where an order is sent and what that cost the buyer: GET /shipments/{id} with `x-format-new: true`.

The address is hidden until the order is paid, and masked (`XXXXXXX`) long after: then nothing is known of it, which is
not the same as no address.
"""

from app.connectors.mercadolibre.money import find_minor
from app.connectors.reading import JsonObject
from schemas.records import Address

_MASK = frozenset("Xx*")
_MASK_CHARS_MIN = 3


def choose_shipment(value: object, path: str) -> JsonObject:
    """The shipment to the buyer: the document itself, or the first of that type of the array that
    /orders/{id}/shipments answers."""
    if not isinstance(value, list):
        return JsonObject(value, path)
    shipments = [JsonObject(one, f"{path}[{index}]") for index, one in enumerate(value)]
    forward = (one for one in shipments if one and (one.find_text("type") or "forward") == "forward")
    return next(forward, JsonObject(None, path))


def map_address(shipment: JsonObject) -> Address | None:
    """None when the shipment tells none."""
    destination = shipment.get_object("destination")
    place = destination.get_object("shipping_address") or shipment.get_object("receiver_address")
    street = _find(place, "street_name") or _find(place, "address_line")
    address = Address(
        external_id=place.find_text("id", chars_max=100),
        receiver_name=_find(destination, "receiver_name") or _find(place, "receiver_name"),
        street=street,
        number=_find(place, "street_number", 60),
        complement=_find(place, "comment", 500),
        neighborhood=_find_name(place, "neighborhood"),
        city=_find_name(place, "city"),
        state=_find_name(place, "state"),
        postal_code=_find(place, "zip_code", 40),
        country=_find_name(place, "country"),
        reference=_find(destination, "comments", 500),
    )
    return address if any((address.street, address.city, address.postal_code, address.receiver_name)) else None


def find_shipping_minor(shipment: JsonObject, currency: str | None) -> int | None:
    """What the buyer paid for it, in the order's currency."""
    for name in ("lead_time", "shipping_option"):
        part = shipment.get_object(name)
        if part.has("cost"):
            return find_minor(part, "cost", currency)
    return None


def _find(place: JsonObject, name: str, chars_max: int = 200) -> str | None:
    text = place.find_text(name, chars_max=chars_max)
    return None if text is None or (len(text) >= _MASK_CHARS_MIN and _MASK.issuperset(text)) else text


def _find_name(place: JsonObject, name: str) -> str | None:
    """`{"id": "AR-C", "name": "Capital Federal"}`, or the text alone."""
    part = place.get_object(name)
    return (_find(part, "name") or _find(part, "id")) if part else _find(place, name)
