"""Publishing the endpoint directory to Redis, always whole: endpoints change rarely, and a whole one is never torn.

A publication takes a generation number from Postgres before it reads, and replaces what stands in Redis only if that
is older: of two publications at once the one that read later wins, whichever writes last.
"""

import secrets
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.core.directory import ENDPOINTS_KEY, FINGERPRINT_KEY, GENERATION_KEY, VERSION_KEY, encode_entry
from app.core.errors import QueueUnavailableError
from db import endpoints as db_endpoints
from db.pool import Database

_FIELDS_PER_COMMAND = 1_000
_DRAFT_TTL_S = 60

# KEYS: draft, endpoints, generation, version, fingerprint. ARGV: generation, fingerprint, number of entries, version.
# One script: a receiver must never see a generation without its entries, nor an older directory after a newer one.
_REPLACE = """
local held = redis.call('GET', KEYS[3])
if held and tonumber(held) >= tonumber(ARGV[1]) then
  redis.call('DEL', KEYS[1])
  return 0
end
if tonumber(ARGV[3]) > 0 then
  redis.call('RENAME', KEYS[1], KEYS[2])
  redis.call('PERSIST', KEYS[2])
else
  redis.call('DEL', KEYS[2])
end
redis.call('SET', KEYS[3], ARGV[1])
redis.call('SET', KEYS[5], ARGV[2])
redis.call('SET', KEYS[4], ARGV[4])
return 1
"""


async def publish_directory(database: Database, redis: Redis, settings: object = None) -> int:
    """Publishes every active endpoint; the number of them. Raises QueueUnavailableError; asyncpg's errors."""
    del settings  # what it holds is already in the rows
    held = await _read_generation(redis)
    async with database.platform_tx("publish_directory") as connection:
        generation = await db_endpoints.next_generation(connection, above=held)
        directory = await db_endpoints.list_directory(connection)
    entries = {token_hash.hex(): encode_entry(entry) for token_hash, entry in directory.entries.items()}
    draft = f"directory:draft:{generation}:{secrets.token_hex(4)}"
    # Random, not counted up: a receiver that saw version 7 before Redis was wiped must not take the next 7 for it.
    version = secrets.token_hex(8)
    try:
        async with redis.pipeline(transaction=False) as pipe:
            for chunk in _split(entries):
                pipe.hset(draft, mapping=chunk)
            pipe.expire(draft, _DRAFT_TTL_S)
            keys = (draft, ENDPOINTS_KEY, GENERATION_KEY, VERSION_KEY, FINGERPRINT_KEY)
            arguments = (str(generation), directory.fingerprint, str(len(entries)), version)
            pipe.eval(_REPLACE, len(keys), *keys, *arguments)
            await pipe.execute()
    except (RedisError, OSError) as error:
        raise QueueUnavailableError(
            f"The endpoint directory could not be published ({type(error).__name__})."
        ) from None
    return len(entries)


async def ensure_directory_published(database: Database, redis: Redis, settings: object = None) -> bool:
    """Publishes when Redis holds no directory or another one than Postgres; whether it did.

    This is what mends a publication that was lost between COMMIT and Redis, and a Redis that was wiped.
    """
    async with database.platform_tx("check_directory") as connection:
        fingerprint = await db_endpoints.find_fingerprint(connection)
    try:
        held: list[Any] = await redis.mget(GENERATION_KEY, FINGERPRINT_KEY, VERSION_KEY)
        is_held = await redis.exists(ENDPOINTS_KEY) or fingerprint.startswith("0:")
    except (RedisError, OSError) as error:
        raise QueueUnavailableError(f"The endpoint directory cannot be read ({type(error).__name__}).") from None
    if is_held and held[0] is not None and held[1] == fingerprint.encode() and held[2] is not None:
        return False
    await publish_directory(database, redis, settings)
    return True


async def _read_generation(redis: Redis) -> int:
    """What Redis holds, 0 for nothing. A Postgres restored from a backup counts on from here, not from behind it."""
    try:
        held = await redis.get(GENERATION_KEY)
    except (RedisError, OSError) as error:
        raise QueueUnavailableError(f"The endpoint directory cannot be read ({type(error).__name__}).") from None
    return int(held) if held is not None else 0


def _split(entries: dict[str, bytes]) -> list[dict[str, bytes]]:
    pairs = list(entries.items())
    return [dict(pairs[start : start + _FIELDS_PER_COMMAND]) for start in range(0, len(pairs), _FIELDS_PER_COMMAND)]
