"""The directory as the receiver sees it: entries in memory, valid only while their version is known to be current.

Better than a subscription, whose silence looks like peace: the version is polled every DIRECTORY_POLL_MS, and an entry
is used only while the last poll that succeeded began less than ENDPOINT_CACHE_TTL_MS ago and told the version under
which the entry was read. Without that, every call asks Redis; when Redis cannot be asked, nothing is concluded.
"""

import asyncio
import time

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.core.directory import (
    ENDPOINTS_KEY,
    GENERATION_KEY,
    VERSION_KEY,
    DirectoryEntry,
    DirectoryKeys,
    decode_entry,
)
from app.core.errors import QueueUnavailableError
from app.core.logging import get_logger
from app.core.settings import Settings
from app.core.tokens import has_valid_checksum, hash_token
from app.receiver.known_endpoint import KnownEndpoint, make_known_endpoint
from app.receiver.metrics import DIRECTORY_AGE_SECONDS
from app.receiver.secret_uses import SecretUses

log = get_logger()


class EndpointCache:
    """Tokens → endpoints. `find` is for the call in hand, `run` keeps what is cached honest."""

    def __init__(self, redis: Redis, keys: DirectoryKeys, settings: Settings, uses: SecretUses) -> None:
        self._redis = redis
        self._uses = uses
        self._keys = keys
        self._ttl_s = settings.endpoint_cache_ttl_ms / 1000
        self._poll_s = settings.directory_poll_ms / 1000
        self._entries: dict[str, KnownEndpoint] = {}
        self._version: bytes | None = None
        self._polled_at = -float("inf")
        self._is_published = False
        self._loading: dict[str, asyncio.Task[KnownEndpoint | None]] = {}
        DIRECTORY_AGE_SECONDS.set_function(lambda: time.monotonic() - self._polled_at)

    def get_cached(self, token: str) -> KnownEndpoint | None:
        """The endpoint if it is known and may still be relied on, without asking anybody."""
        return self._entries.get(token) if time.monotonic() - self._polled_at < self._ttl_s else None

    def is_ours(self, token: str) -> bool:
        """Whether the token's checksum is ours: if not, nobody needs to be asked."""
        return has_valid_checksum(self._keys.checksum_key, token)

    async def find(self, token: str) -> KnownEndpoint | None:
        """The endpoint, None for a token that the directory does not hold.

        Raises QueueUnavailableError when Redis cannot be asked, or holds no directory: then nothing is known.
        """
        loading = self._loading.get(token)
        if loading is None:
            loading = self._loading[token] = asyncio.create_task(self._load(token))
            loading.add_done_callback(lambda task: self._end_loading(token, task))
        return await asyncio.shield(loading)

    async def run(self) -> None:
        """Polls for ever."""
        while True:
            await self.poll()
            await asyncio.sleep(self._poll_s)

    async def poll(self) -> None:
        """One poll. A failure is not raised: the age of the last success says what may be relied on."""
        started_at = time.monotonic()
        try:
            version, generation = await self._redis.mget(VERSION_KEY, GENERATION_KEY)
        except (RedisError, OSError, TimeoutError):
            return
        self._observe(version, generation, started_at)

    def find_problem(self) -> str | None:
        """For /readyz."""
        if self._is_published and time.monotonic() - self._polled_at < self._ttl_s:
            return None
        if not self._is_published:
            return "The endpoint directory is not in Redis. A worker publishes it within seconds: is one running?"
        return "The endpoint directory could not be read for too long: see whether Redis answers."

    async def _load(self, token: str) -> KnownEndpoint | None:
        token_hash = hash_token(token)
        started_at = time.monotonic()
        try:
            # One transaction: an entry must not be kept under a version that is newer than itself.
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hget(ENDPOINTS_KEY, token_hash.hex())
                pipe.get(GENERATION_KEY)
                pipe.get(VERSION_KEY)
                text, generation, version = await pipe.execute()
        except (RedisError, OSError, TimeoutError) as error:
            raise QueueUnavailableError(f"The directory cannot be read ({type(error).__name__}).") from None
        self._observe(version, generation, started_at)
        if generation is None or version is None:
            raise QueueUnavailableError("The directory is not published.")
        if text is None:
            return None
        entry = self._decode(text)
        if entry.status != "active":
            return None
        known = make_known_endpoint(entry, self._keys, token_hash, self._uses.note)
        if version == self._version:
            self._entries[token] = known
        return known

    def _observe(self, version: bytes | None, generation: bytes | None, started_at: float) -> None:
        """Takes note of what a poll or a look-up read, unless one that began later has been heard already.

        What was asked for at `started_at` was true then or later, so that is the time from which it ages.
        """
        if started_at < self._polled_at:
            return
        self._is_published = version is not None and generation is not None
        if version != self._version or not self._is_published:
            self._entries.clear()
            self._version = version
        if self._is_published:
            self._polled_at = started_at

    def _decode(self, text: bytes) -> DirectoryEntry:
        try:
            return decode_entry(text)
        except (ValueError, KeyError, TypeError):
            log.error("receiver.directory_entry_unreadable", todo="publish the directory with this release's worker")
            raise QueueUnavailableError("An entry of the directory is not readable.") from None

    def _end_loading(self, token: str, task: "asyncio.Task[KnownEndpoint | None]") -> None:
        self._loading.pop(token, None)
        if not task.cancelled():
            task.exception()  # asked for: every caller has seen it
