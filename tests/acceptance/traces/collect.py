"""Everything that servers say when they are asked for all they have."""

import re
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
from redis.asyncio import Redis

from scripts.stack.installation import DATABASE, KEYS_DATABASE

_BYTEA = re.compile(rb"\\\\x([0-9a-f]{2,})")
_LIST_TABLES = (
    "SELECT c.oid::regclass::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'm') AND n.nspname NOT LIKE 'pg_toast%' ORDER BY 1"
)
_LIST_TOAST = "SELECT pg_relation_filepath(oid) FROM pg_class WHERE relkind = 't' AND pg_relation_size(oid) > 0"


async def copy_tables(superuser_url: str) -> AsyncIterator[tuple[str, bytes]]:
    """Every row of every table of both databases, the catalogs' too: as text, and its binary values as they are."""
    for database in (DATABASE, KEYS_DATABASE):
        connection = await connect(superuser_url, database)
        try:
            for (table,) in await connection.fetch(_LIST_TABLES):
                text = await copy_table(connection, table)
                values = b"\n".join(bytes.fromhex(match[1].decode()) for match in _BYTEA.finditer(text))
                yield f"table {database}.{table}", text + b"\n" + values
        finally:
            await connection.close()


async def copy_table(connection: Any, table: str) -> bytes:
    parts: list[bytes] = []

    async def take(part: bytes) -> None:
        parts.append(part)

    await connection.copy_from_query(f"SELECT * FROM {table}", output=take)
    return b"".join(parts)


async def list_toast_paths(superuser_url: str) -> list[str]:
    """The files of TOAST tables that hold anything, below the data folder."""
    found: list[str] = []
    for database in (DATABASE, KEYS_DATABASE):
        connection = await connect(superuser_url, database)
        try:
            found += [path for (path,) in await connection.fetch(_LIST_TOAST)]
        finally:
            await connection.close()
    return found


async def connect(superuser_url: str, database: str) -> Any:
    return await asyncpg.connect(superuser_url.rpartition("/")[0] + f"/{database}")


async def read_keys(redis: Redis) -> AsyncIterator[tuple[str, bytes]]:
    """Every key with its whole value."""
    reads: dict[bytes, Any] = {
        b"string": redis.get,
        b"hash": redis.hgetall,
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"set": redis.smembers,
        b"zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
        b"stream": redis.xrange,
    }
    async for key in redis.scan_iter(count=1_000):
        kind = await redis.type(key)
        if kind == b"none":  # its time came since it was named
            continue
        yield f"redis {key.decode()}", key + b"\n" + b"\n".join(_flatten(await reads[kind](key)))


def _flatten(value: Any) -> list[bytes]:
    if isinstance(value, bytes):
        return [value]
    if isinstance(value, dict):
        return [part for pair in value.items() for part in _flatten(pair)]
    if isinstance(value, list | tuple | set):
        return [part for item in value for part in _flatten(item)]
    return [str(value).encode()]
