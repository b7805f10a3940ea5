"""How a provider account's budget stands, for a status page."""

from collections.abc import Sequence
from typing import NamedTuple, cast

from redis.asyncio import Redis

from app.core.settings import Settings

_FIELDS = ["calls", "at_us", "share", "share_at_us"]


class BudgetState(NamedTuple):
    """`calls`: what could be asked at once. `batch_share`: of what batch work may have, 1 unless a 429 has cut it.
    `closed_s`: how long nobody calls, 0 when anybody may."""

    calls_per_minute: int
    calls: int
    batch_share: float
    closed_s: float


def name_bucket(account_key: str) -> str:
    """The Redis key of an account's bucket; with `:closed` that of its pause."""
    return f"budget:{account_key}"


def list_calls_per_minute(settings: Settings) -> dict[str, int]:
    """Provider → calls that one account of it may be asked a minute."""
    return {
        "vtex": settings.vtex_calls_per_minute,
        "google_ads": settings.google_ads_calls_per_minute,
        "facebook_ads": settings.facebook_calls_per_minute,
        "mercadolibre": settings.mercadolibre_calls_per_minute,
    }


async def read_budget(cache: Redis, settings: Settings, account_key: str) -> BudgetState:
    """An account's budget as all processes see it now (`vtex:store`). Raises RedisError, KeyError for a provider that
    has none."""
    calls_per_minute = list_calls_per_minute(settings)[account_key.partition(":")[0]]
    bucket, rate, burst = name_bucket(account_key), calls_per_minute / 60, max(1.0, calls_per_minute / 6)
    async with cache.pipeline(transaction=False) as pipe:
        pipe.hmget(bucket, _FIELDS)
        pipe.pttl(f"{bucket}:closed")
        pipe.time()
        values, pause_ms, (seconds, micros) = await pipe.execute()
    calls, at_us, share, share_at_us = (_read(value) for value in cast("Sequence[bytes | None]", values))
    now_us = int(seconds) * 1_000_000 + int(micros)
    passed_s = max(0.0, now_us - at_us) / 1_000_000 if at_us is not None else 0.0
    cut_s = max(0.0, now_us - share_at_us) / 1_000_000 if share_at_us is not None else 0.0
    recovered = 1.0 if share is None else share + cut_s * settings.budget_batch_recovery_percent / 6_000
    return BudgetState(
        calls_per_minute,
        int(min(burst, burst if calls is None else calls + passed_s * rate)),
        min(1.0, recovered),
        max(0, pause_ms) / 1_000,
    )


def _read(value: bytes | None) -> float | None:
    return None if value is None else float(value)
