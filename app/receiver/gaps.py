"""Gap marks: from when a stream may be incomplete, because a call was refused that its sender may never repeat.

A mark is made before the refusal is answered: it is in a file of RECEIVER_STATE_DIR, fsynced, and from there goes to
Redis (hash `gaps`: `{tenant}|{integration}|{stream}` → ISO time, the earliest wins) as soon as Redis can be written.
A kill -9 in between loses nothing: the next receiver on this folder takes the file over. A call that could not even be
looked up is marked by its token's hash, and resolved when the directory can be read again.
"""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.core.directory import ENDPOINTS_KEY, GENERATION_KEY, EndpointKind, decode_entry
from app.core.logging import get_logger
from app.receiver.gap_file import GapFile
from app.receiver.metrics import GAP_MARKS_PENDING
from schemas.records import RecordStream

log = get_logger()

GAPS_KEY = "gaps"
MARKS_MAX = 100_000
FLUSH_INTERVAL_S = 1.0
STREAMS: dict[EndpointKind, tuple[RecordStream, ...]] = {
    "order_hook": ("orders",),
    "customer_trigger": ("customers",),
    "inline": ("customers", "orders"),
}
_TOKEN = "token"  # noqa: S105 - the first part of a mark that is known by its token's hash only

# KEYS: the hash. ARGV: (field, time)*. The earliest wins; both are UTC in one width, so text order is time order.
_KEEP_EARLIEST = """
for i = 1, #ARGV, 2 do
  local held = redis.call('HGET', KEYS[1], ARGV[i])
  if not held or ARGV[i + 1] < held then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
return #ARGV / 2
"""
_ARGUMENTS_PER_SCRIPT = 1_000


class GapMarks:
    """One per process. `confirm_timeout_ms` None: the server's log is the provider's promise; nothing is waited for."""

    def __init__(self, redis: Redis, file: GapFile, *, confirm_timeout_ms: int | None) -> None:
        self._redis = redis
        self._file = file
        self._confirm_timeout_ms = confirm_timeout_ms
        self._pending: dict[str, str] = dict(file.recovered)
        self._unwritten: dict[str, str] = {}
        self._file_lock = asyncio.Lock()
        self._wanted = asyncio.Event()
        GAP_MARKS_PENDING.set_function(lambda: len(self._pending))
        if self._pending:
            log.warning("receiver.gap_marks_recovered", count=len(self._pending))
            self._wanted.set()

    @property
    def count(self) -> int:
        """Marks that are not in Redis yet."""
        return len(self._pending)

    async def mark_endpoint(self, tenant_id: int, integration_id: int, kind: EndpointKind) -> None:
        """Returns when the mark would survive this process."""
        await self._mark(f"{tenant_id}|{integration_id}|{stream}" for stream in STREAMS[kind])

    async def mark_token(self, token_hash: bytes) -> None:
        """As `mark_endpoint`, for a call whose token is ours but cannot be looked up now."""
        await self._mark([f"{_TOKEN}|{token_hash.hex()}"])

    async def run(self) -> None:
        """Brings marks to Redis for ever."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if not await self.flush():
                self._wanted.set()
            await asyncio.sleep(FLUSH_INTERVAL_S)  # a row of refusals is one mark

    async def flush(self) -> bool:
        """Brings what is pending to Redis; whether nothing is left."""
        sent = dict(self._pending)
        if sent:
            try:
                resolved = await self._resolve(sent)
                if resolved is None or not await self._write(resolved):
                    return False
            except (RedisError, OSError, TimeoutError):
                return False
            for field in sent:
                del self._pending[field]
        async with self._file_lock:
            if not self._pending and not self._unwritten and not self._file.is_empty:
                await asyncio.to_thread(self._file.clear)
        return not self._pending

    async def _mark(self, fields: Iterable[str]) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        for field in fields:
            if field in self._pending:
                continue
            if len(self._pending) >= MARKS_MAX:
                log.error("receiver.gap_marks_full", todo="run a completeness sync for every integration")
                return
            self._pending[field] = self._unwritten[field] = now
            self._wanted.set()
        # The lock also holds whoever repeats a mark that is still being written: its answer waits for the disk too.
        if self._unwritten or self._file_lock.locked():
            await self._persist()

    async def _persist(self) -> None:
        async with self._file_lock:
            marks, self._unwritten = self._unwritten, {}
            try:
                await asyncio.to_thread(self._file.append, marks)
            except OSError as error:
                log.error("receiver.gap_file_failed", reason=error.strerror, todo="look at RECEIVER_STATE_DIR's disk")

    async def _resolve(self, marks: dict[str, str]) -> dict[str, str] | None:
        """Marks by token become marks by integration; None while the directory cannot tell."""
        tokens = [field for field in marks if field.startswith(f"{_TOKEN}|")]
        resolved = {field: at for field, at in marks.items() if field not in set(tokens)}
        if not tokens:
            return resolved
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.get(GENERATION_KEY)
            pipe.hmget(ENDPOINTS_KEY, [field.partition("|")[2] for field in tokens])
            generation, texts = await pipe.execute()
        if generation is None:
            return None
        for token, text in zip(tokens, texts, strict=True):
            if text is not None:
                entry = decode_entry(text)
                for stream in STREAMS[entry.kind]:
                    field = f"{entry.tenant_id}|{entry.integration_id}|{stream}"
                    resolved[field] = min(marks[token], resolved.get(field, marks[token]))
        return resolved

    async def _write(self, marks: dict[str, str]) -> bool:
        """Whether Redis has the marks, and has them on disk."""
        arguments = [part for mark in marks.items() for part in mark]
        async with self._redis.pipeline(transaction=False) as pipe:
            for start in range(0, len(arguments), _ARGUMENTS_PER_SCRIPT):
                pipe.eval(_KEEP_EARLIEST, 1, GAPS_KEY, *arguments[start : start + _ARGUMENTS_PER_SCRIPT])
            if self._confirm_timeout_ms is not None:
                pipe.execute_command("WAITAOF", 1, 0, self._confirm_timeout_ms)
            replies: list[Any] = await pipe.execute()
        return self._confirm_timeout_ms is None or int(replies[-1][0]) >= 1
