"""Gap marks travel from the receivers, which have no Postgres, through Redis to the table of gaps."""

from collections import defaultdict
from datetime import datetime
from typing import get_args

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.core.errors import QueueUnavailableError
from app.core.logging import get_logger
from app.core.queue_runner import send_command
from db.gaps import GapMark, set_gaps, set_gaps_everywhere
from db.pool import Database
from schemas.records import RecordStream

GAPS_KEY = "gaps"
REFUSED_REASON = "refused_calls"

log = get_logger()

# KEYS: the hash. ARGV: (field, time)*. Only what was moved is removed: a receiver may have set an earlier time since.
_REMOVE_MOVED = """
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    redis.call('HDEL', KEYS[1], ARGV[i])
  end
end
"""


async def move_gap_marks(database: Database, redis: Redis) -> int:
    """Moves what receivers have marked; how many. Written before it is removed: a crash in between repeats it."""
    try:
        found: dict[bytes, bytes] = await send_command(redis, "HGETALL", GAPS_KEY)
    except (RedisError, OSError) as error:
        raise QueueUnavailableError(f"Gap marks cannot be read ({type(error).__name__}).") from None
    by_tenant: dict[int, list[GapMark]] = defaultdict(list)
    for field, at in found.items():
        tenant, integration, stream = field.decode().split("|")
        by_tenant[int(tenant)].append(
            GapMark(int(integration), stream, datetime.fromisoformat(at.decode()), REFUSED_REASON)
        )
    for tenant_id, marks in by_tenant.items():
        async with database.tenant_tx(tenant_id, "gaps") as connection:
            await set_gaps(connection, tenant_id, marks)
        log.warning("gaps.marked", tenant_id=tenant_id, marks=len(marks),
                    since=min(mark.gap_since for mark in marks).isoformat())  # fmt: skip
    if found:
        moved = [part for mark in found.items() for part in mark]
        try:
            await send_command(redis, "EVAL", _REMOVE_MOVED, 1, GAPS_KEY, *moved)
        except (RedisError, OSError) as error:
            raise QueueUnavailableError(f"Gap marks cannot be removed ({type(error).__name__}).") from None
    return len(found)


async def mark_all_gaps(database: Database, since: datetime, reason: str) -> None:
    """Every integration's streams may be incomplete since then."""
    await set_gaps_everywhere(database, get_args(RecordStream), since, reason)
