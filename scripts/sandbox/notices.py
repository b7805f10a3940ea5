"""One webhook as it will be sent: made at the moment of the change, delivered when the plan says so."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

Channel = Literal["order_hook", "customer_trigger", "inline"]


class Notice(NamedTuple):
    """`is_retried`: the sender repeats a refused call (the order hook does, a trigger never). `is_lost`: nobody will
    ever get it."""

    account: str
    channel: Channel
    kind: Literal["order", "customer"]
    object_id: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    is_retried: bool
    is_lost: bool = False
