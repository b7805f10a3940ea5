"""The end of a rotation: the secret before is retired when its caller has had the newest for a day, and nobody has
used the one before for a day.

What is known of uses is in Redis, which may have been wiped: `since` says from when on it is whole, and for a day after
that nothing is retired.
"""

import time
from collections.abc import Awaitable
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.core.directory import PREVIOUS_USED_KEY
from app.core.errors import QueueUnavailableError, SealingError
from app.core.logging import get_logger
from app.core.settings import Settings
from app.services.endpoints import EndpointNotFoundError, retire_previous_secret
from app.services.keyring import Keyring
from db.endpoints import Rotation, list_rotations
from db.pool import Database

UNUSED_S = 24 * 3_600
SINCE_FIELD = "since"
ROTATIONS_PER_TURN = 500

log = get_logger()


async def retire_unused_secrets(database: Database, redis: Redis, settings: Settings, keyring: Keyring) -> int:
    """How many were retired. Raises QueueUnavailableError while Redis cannot be asked."""
    try:
        since_s = await _read_since(redis)
        async with database.platform_tx("list_rotations") as connection:
            rotations = await list_rotations(connection, older_than_s=UNUSED_S, limit=ROTATIONS_PER_TURN)
        if time.time() - since_s < UNUSED_S:
            return 0
        retired = [await _retire(database, redis, settings, keyring, rotation) for rotation in rotations]
    except (RedisError, OSError) as error:
        raise QueueUnavailableError(f"Uses of secrets cannot be read ({type(error).__name__}).") from None
    return sum(retired)


async def _read_since(redis: Redis) -> float:
    await cast("Awaitable[int]", redis.hsetnx(PREVIOUS_USED_KEY, SINCE_FIELD, str(int(time.time()))))
    return await _read(redis, SINCE_FIELD)


async def _retire(database: Database, redis: Redis, settings: Settings, keyring: Keyring, rotation: Rotation) -> bool:
    field = rotation.token_hash.hex()
    if time.time() - await _read(redis, field) < UNUSED_S:
        return False
    try:
        keys = await keyring.keys_of(rotation.tenant_id)
        await retire_previous_secret(database, redis, settings, keys, rotation.endpoint_id)
    except (EndpointNotFoundError, SealingError):
        return False  # revoked meanwhile, or its tenant's keys are no more
    await cast("Awaitable[int]", redis.hdel(PREVIOUS_USED_KEY, field))
    log.info("secrets.previous_retired", tenant_id=rotation.tenant_id, endpoint_id=str(rotation.endpoint_id))
    return True


async def _read(redis: Redis, field: str) -> float:
    """Seconds since the epoch; 0 for never."""
    value = await cast("Awaitable[bytes | None]", redis.hget(PREVIOUS_USED_KEY, field))
    return float(value or 0)
