"""VTEX's order statuses and our small set of them. Source: VTEX help centre, "Order flow and status"."""

from schemas.records import StatusClass

_CLASSES: dict[StatusClass, tuple[str, ...]] = {
    "created": (
        "order-created",
        "on-order-completed",
        "on-order-completed-ffm",
        "order-accepted",
        "order-completed",
    ),
    "pending": (
        "waiting-for-authorization",
        "waiting-for-sellers-confirmation",
        "waiting-for-order-authorization",
        "payment-pending",
        "approve-payment",
        "payment-denied",
        "waiting-ffmt-authorization",
        "waiting-for-manual-authorization",
        "waiting-for-mkt-authorization",
        # A cancellation was asked for; the order goes on until somebody decides.
        "request-cancel",
        "cancellation-requested",
        "waiting-for-seller-decision",
    ),
    "approved": (
        "payment-approved",
        "waiting-for-fulfillment",
        "authorize-fulfillment",
        "window-to-cancel",
        "window-to-change-seller",
        "window-to-change-payment",
    ),
    "handling": (
        "waiting-seller-handling",
        "ready-for-handling",
        "start-handling",
        "handling",
        "ready-for-invoicing",
        "invoice",
        "invoice-after-cancellation-deny",
    ),
    "invoiced": ("invoiced", "shipped", "delivered"),
    "canceled": ("cancel", "canceled", "cancelled"),
    "replaced": ("replaced",),
}
# Every status that VTEX documents or was seen to send. One that is not named in a hook's filter is never told.
HOOK_STATUSES = (
    *(status for statuses in _CLASSES.values() for status in statuses if status != "cancelled"),
    "order-create-error",
    "order-creation-error",
)
_CLASS_OF: dict[str, StatusClass] = {status: name for name, statuses in _CLASSES.items() for status in statuses}


def classify_status(status: str | None) -> StatusClass:
    """Our class of a raw status; `unknown` for null, creation errors and words VTEX may add."""
    return _CLASS_OF.get(status.lower(), "unknown") if status else "unknown"
