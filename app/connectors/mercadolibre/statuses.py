"""MercadoLibre's order statuses and our small set of them. Source: developers.mercadolibre.com.ar, gestiona-ventas."""

from collections.abc import Collection

from schemas.records import StatusClass

_CLASS_OF: dict[str, StatusClass] = {
    "confirmed": "created",
    "payment_required": "pending",
    "payment_in_process": "pending",
    "partially_paid": "pending",
    "pending_cancel": "pending",
    "paid": "approved",
    "partially_refunded": "approved",
    "cancelled": "canceled",
    "invalid": "canceled",
}
# Where a buyer is refunded to account money, the order stays paid and only this tag tells that nothing was sold.
_UNFULFILLED = "unfulfilled"


def classify_order(status: str | None, tags: Collection[str]) -> StatusClass:
    """Our class of an order; `unknown` for null and for words that MercadoLibre may add."""
    found = _CLASS_OF.get(status.lower(), "unknown") if status else "unknown"
    return "canceled" if found == "approved" and _UNFULFILLED in tags else found
