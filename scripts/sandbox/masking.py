"""How a store under Data Protection Plus shows personal values: `J***`, `a****.m**@m***.c**`."""

import re
from typing import Any

import orjson

_PERSONAL = {
    "clientProfileData": ("email", "firstName", "lastName", "document", "phone", "corporateName", "tradeName",
                          "corporateDocument"),
    "address": ("receiverName", "street", "number", "complement", "postalCode", "reference"),
}  # fmt: skip
_WORD = re.compile(r"[^\s@.]+")


def mask_text(text: str) -> str:
    """The first letter of each word is left."""
    return _WORD.sub(lambda found: found[0][0] + "*" * max(3, len(found[0]) - 1), text)


def mask_order(document: bytes) -> bytes:
    order = orjson.loads(document)
    _mask(order["clientProfileData"], _PERSONAL["clientProfileData"])
    shipping = order["shippingData"]
    for address in (shipping["address"], *(shipping.get("selectedAddresses") or ())):
        _mask(address, _PERSONAL["address"])
    return orjson.dumps(order)


def _mask(part: dict[str, Any] | None, names: tuple[str, ...]) -> None:
    for name in names if part else ():
        value = part.get(name) if part else None
        if part and isinstance(value, str) and value:
            part[name] = mask_text(value)
