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
from app.services.status import read_refusals
from schemas.refused_calls import RefusedCall, RefusedCalls, RefusedCount

NOBODY = 0  # calls whose token belongs to no tenant: for the platform's eyes alone


async def list_refused(office: Office, tenant_id: int) -> RefusedCalls:
    """A tenant's, newest first; NOBODY: of unknown tokens. Raises QueueUnavailableError."""
    key, kept = f"refusals:last:{tenant_id}", office.settings.refusals_kept
    try:
        texts = cast("list[bytes]", await send_command(office.queue.redis, "LRANGE", key, 0, kept - 1)) if kept else []
        counts = await read_refusals(office.queue.redis)
    except (RedisError, OSError):
        raise QueueUnavailableError("Redis does not answer: refused calls cannot be read now.") from None
    today = [_read_count(name, calls) for name, calls in counts.get(tenant_id, {}).items()]
    last = sorted((_read(orjson.loads(text)) for text in texts), key=lambda call: call.at, reverse=True)
    return RefusedCalls(day=datetime.now(UTC).date(), today=sorted(today, key=lambda one: -one.calls), last=last)


def _read(told: dict[str, Any]) -> RefusedCall:
    return RefusedCall(
        at=told["at"], kind=told["kind"], reason=told["reason"], field=told.get("field"),
        network=told.get("from") or None,
    )  # fmt: skip


def _read_count(name: str, calls: int) -> RefusedCount:
    kind, _, reason = name.partition(" ")
    return RefusedCount(kind=kind, reason=reason, calls=calls)
