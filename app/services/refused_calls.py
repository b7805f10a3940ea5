"""Calls that the receiver refused: the last ones of a tenant with their reasons, and today's counted by reason.

Written by app/receiver/refusals.py, by each receiver once a second.
"""

from datetime import UTC, datetime
from typing import Any, cast

import orjson
from redis.exceptions import RedisError

from app.core.errors import QueueUnavailableError
from app.core.queue_runner import send_command
from app.services.office import Office
from schemas.refused_calls import RefusedCall, RefusedCalls, RefusedCount

NOBODY = 0  # calls whose token belongs to no tenant: for the platform's eyes alone
AWAY = "Redis does not answer: refused calls cannot be read now."
_SCANNED = 1_000


async def list_refused(office: Office, tenant_id: int) -> RefusedCalls:
    """A tenant's, newest first; NOBODY: of unknown tokens. Raises QueueUnavailableError."""
    key, kept = f"refusals:last:{tenant_id}", office.settings.refusals_kept
    try:
        texts = cast("list[bytes]", await send_command(office.queue.redis, "LRANGE", key, 0, kept - 1)) if kept else []
    except (RedisError, OSError):
        raise QueueUnavailableError(AWAY) from None
    today = await count_refused(office, tenant_id)
    last = sorted((_read(orjson.loads(text)) for text in texts), key=lambda call: call.at, reverse=True)
    return RefusedCalls(day=datetime.now(UTC).date(), today=sorted(today, key=lambda one: -one.calls), last=last)


async def count_refused(office: Office, tenant_id: int) -> list[RefusedCount]:
    """Today's (UTC) by kind and reason. Of the day's hash only this tenant's fields: it has everybody's.

    Raises QueueUnavailableError."""
    key, found = f"refusals:{datetime.now(UTC):%Y%m%d}", []
    cursor = 0
    while True:
        words = ("HSCAN", key, cursor, "MATCH", f"{tenant_id}|*", "COUNT", _SCANNED)
        try:
            cursor, counts = cast("tuple[int, dict[bytes, bytes]]", await send_command(office.queue.redis, *words))
        except (RedisError, OSError):
            raise QueueUnavailableError(AWAY) from None
        for field, calls in counts.items():
            _, kind, reason = field.decode().split("|")
            found.append(RefusedCount(kind=kind, reason=reason, calls=int(calls)))
        if not cursor:
            return found


def _read(told: dict[str, Any]) -> RefusedCall:
    return RefusedCall(
        at=told["at"], kind=told["kind"], reason=told["reason"], field=told.get("field"),
        network=told.get("from") or None,
    )  # fmt: skip
