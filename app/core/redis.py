"""Connections to Redis or Valkey, and what the queue's server must be like for an acknowledgement to mean durable."""

from redis.asyncio import Redis
from redis.asyncio.connection import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from app.core.settings import Settings

_REQUIRED = {
    "appendonly": ("yes", "an append would live in memory only"),
    "appendfsync": ("always", "every acknowledgement would wait for the next fsync"),
    "maxmemory-policy": ("noeviction", "accepted events would be evicted"),
}


def connect_redis(url: str, *, socket_timeout_s: float, connections_max: int = 16) -> Redis:
    """A client over a pool of its own; nothing is opened before the first command. Answers are bytes.

    Commands are never repeated by the client: a repeated append would be a second event. Who may repeat says so itself.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections_max,
        timeout=socket_timeout_s,
        socket_timeout=socket_timeout_s,
        socket_connect_timeout=min(socket_timeout_s, 2.0),
        socket_keepalive=True,
        health_check_interval=0,
        retry=Retry(NoBackoff(), 0),
        decode_responses=False,
    )
    return Redis.from_pool(pool)


async def check_queue_server(redis: Redis, settings: Settings) -> list[str]:
    """What is wrong with the queue's server, as sentences that say what to do; empty when nothing is.

    With REDIS_DURABILITY=provider the server's log is the provider's promise: only what we can still see is checked.
    """
    try:
        info = await redis.info()
    except (RedisError, OSError) as error:
        return [f"REDIS_URL: the server does not answer ({type(error).__name__}). Start it, or correct the address."]
    problems = []
    if info.get("redis_mode", info.get("server_mode")) == "cluster":
        problems.append("REDIS_URL is a Redis Cluster: scripts touch several keys. Use one primary; grow by cells.")
    if info.get("loading"):
        problems.append("REDIS_URL: the server is still loading its log. Wait.")
    if settings.redis_durability == "provider":
        return problems
    for name, (wanted, consequence) in _REQUIRED.items():
        try:
            value = (await redis.config_get(name)).get(name)
        except ResponseError:
            problems.append(
                f"REDIS_URL: CONFIG GET {name} is refused, so durability cannot be shown. "
                "Allow it, or declare a managed service with REDIS_DURABILITY=provider."
            )
            break
        text = value.decode() if isinstance(value, bytes) else str(value)
        if text != wanted:
            problems.append(f"REDIS_URL: {name} is {text}: {consequence}. Run: CONFIG SET {name} {wanted}")
    return problems
