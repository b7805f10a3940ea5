"""A VTEX address: an order's `shippingData.address`, or a document of Master Data's entity `AD`."""

from app.connectors.reading import JsonObject
from app.connectors.vtex.personal import find_personal_text
from schemas.records import Address, make_checked


def map_address(address: JsonObject) -> Address | None:
    """The address, or None when there is nothing in it."""
    values = {
        "external_id": address.find_text("addressId", "id", chars_max=100),
        "kind": address.find_text("addressType", chars_max=60),
        "receiver_name": find_personal_text(address, "receiverName"),
        "street": find_personal_text(address, "street"),
        "number": find_personal_text(address, "number", chars_max=60),
        "complement": find_personal_text(address, "complement"),
        "neighborhood": find_personal_text(address, "neighborhood"),
        "city": find_personal_text(address, "city"),
        "state": find_personal_text(address, "state", chars_max=100),
        "postal_code": find_personal_text(address, "postalCode", chars_max=40),
        "country": find_personal_text(address, "country", chars_max=60),
        "reference": find_personal_text(address, "reference", chars_max=500),
    }
    return make_checked(Address, values) if any(values.values()) else None
