"""Which endpoints are still called with the secret before their newest: a rotation ends when nobody does any more.

Noted in memory and written in the background, once a minute per endpoint at most. Redis: hash
`secrets:previous_used`, SHA-256 of the endpoint's token → seconds since the epoch. Never a secret, nor its hash.
"""

import asyncio
import time

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.core.directory import PREVIOUS_USED_KEY

FLUSH_INTERVAL_S = 1.0
WRITE_INTERVAL_S = 60.0
ENDPOINTS_MAX = 100_000


class SecretUses:
    """One per process."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._noted: dict[str, float] = {}
        self._written: dict[str, float] = {}

    def note(self, token_hash: bytes) -> None:
        """A call with a secret that is valid, and not the newest."""
        key, now = token_hash.hex(), time.time()
        if now - self._written.get(key, 0.0) >= WRITE_INTERVAL_S:
            self._noted[key] = now

    async def run(self) -> None:
        """Writes for ever."""
        while True:
            await asyncio.sleep(FLUSH_INTERVAL_S)
            await self.flush()

    async def flush(self) -> None:
        """Writes what was noted; what cannot be written now is kept for the next time."""
        if not self._noted:
            return
        noted, self._noted = self._noted, {}
        try:
            await self._redis.hset(PREVIOUS_USED_KEY, mapping={key: str(int(at)) for key, at in noted.items()})  # type: ignore[misc]
        except (RedisError, OSError, TimeoutError):
            self._noted = noted | self._noted
            return
        if len(self._written) >= ENDPOINTS_MAX:
            self._written.clear()
        self._written.update(noted)
