"""The ways an order goes through VTEX's workflow."""

from random import Random

_START = ("order-created", "on-order-completed", "payment-pending")
_PAID = (*_START, "approve-payment", "payment-approved", "authorize-fulfillment", "window-to-cancel")
_SHIPPED = (*_PAID, "ready-for-handling", "start-handling", "handling", "invoice", "invoiced")

# Weight and states. Every way ends in invoiced, canceled or replaced.
_WAYS: tuple[tuple[int, tuple[str, ...]], ...] = (
    (72, _SHIPPED),
    (10, (*_START, "cancel", "canceled")),
    (8, (*_PAID, "cancel", "canceled")),
    (7, (*_PAID, "ready-for-handling", "request-cancel", "waiting-for-seller-decision", "cancel", "canceled")),
    (3, (*_PAID, "replaced")),
)


def choose_way(random: Random) -> tuple[str, ...]:
    return random.choices([way for _, way in _WAYS], [weight for weight, _ in _WAYS])[0]
