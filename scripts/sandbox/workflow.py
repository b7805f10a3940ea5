"""The ways an order goes through VTEX's workflow."""

_START = ("order-created", "on-order-completed", "payment-pending")
_PAID = (*_START, "approve-payment", "payment-approved", "authorize-fulfillment", "window-to-cancel")
_SHIPPED = (*_PAID, "ready-for-handling", "start-handling", "handling", "invoice", "invoiced")

# Percent of orders and their states. Every way ends in invoiced, canceled or replaced.
_SHARES: tuple[tuple[int, tuple[str, ...]], ...] = (
    (72, _SHIPPED),
    (10, (*_START, "cancel", "canceled")),
    (8, (*_PAID, "cancel", "canceled")),
    (7, (*_PAID, "ready-for-handling", "request-cancel", "waiting-for-seller-decision", "cancel", "canceled")),
    (3, (*_PAID, "replaced")),
)
WAYS = tuple(way for _, way in _SHARES)
APPROVED = _PAID.index("payment-approved")
_WAY_OF_PERCENT = bytes(number for number, (percent, _) in enumerate(_SHARES) for _ in range(percent))


def find_way(seed: int) -> int:
    """The number in WAYS of the order with that seed."""
    return _WAY_OF_PERCENT[(seed >> 16) % 100]
