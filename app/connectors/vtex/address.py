"""A VTEX address: an order's `shippingData.address`, or a document of Master Data's entity `AD`."""

from app.connectors.reading import JsonObject
from app.connectors.vtex.personal import PersonalField, find_personal_texts
from schemas.records import Address, make_checked

_PERSONAL: tuple[PersonalField, ...] = (
    ("receiver_name", "receiverName", 200),
    ("street", "street", 200),
    ("number", "number", 60),
    ("complement", "complement", 200),
    ("neighborhood", "neighborhood", 200),
    ("city", "city", 200),
    ("state", "state", 100),
    ("postal_code", "postalCode", 40),
    ("country", "country", 60),
    ("reference", "reference", 500),
)


def map_address(address: JsonObject) -> Address | None:
    """The address, or None when there is nothing in it."""
    values = {
        "external_id": address.find_text("addressId", "id", chars_max=100),
        "kind": address.find_text("addressType", chars_max=60),
        **find_personal_texts(address, _PERSONAL),
    }
    return make_checked(Address, values) if any(values.values()) else None
