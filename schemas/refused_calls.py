"""Calls that were refused, as the API shows them. Nothing that was sent stands in them."""

from datetime import date, datetime

from pydantic import Field

from schemas.api import Shown


class RefusedCall(Shown):
    """`kind`: of the endpoint (`unknown`: no endpoint has this address). `field`: what is wrong in the body."""

    at: datetime
    kind: str
    reason: str
    field: str | None
    network: str | None = Field(description="whence it came, no closer than a /24 (IPv4) or /48 (IPv6)")


class RefusedCount(Shown):
    kind: str
    reason: str
    calls: int


class RefusedCalls(Shown):
    """`today`: all of this day (UTC), by kind and reason. `last`: the newest REFUSALS_KEPT, newest first."""

    day: date
    today: list[RefusedCount]
    last: list[RefusedCall]
