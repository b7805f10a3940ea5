"""The baseline of `scripts/bench pipeline`: one arq job per event and one transaction per row, arq tuned.

The same opening, mapping, sealing, upsert and ledger as the drains', event by event. Started by the benchmark with a
worker's environment: `python -m scripts.benchmarks.arq_worker`.
"""

import asyncio
from base64 import b64decode
from datetime import UTC, datetime
from typing import Any

import orjson
import uvloop
from arq.connections import RedisSettings
from arq.worker import Worker

from app.core.settings import get_settings
from app.services.apply import Settlement, apply_batch
from app.services.keyring import open_keyring
from app.services.observe import open_inline
from db.pool import Database
from schemas.events import decode_event

QUEUE = "arq:baseline"


async def apply_one(ctx: dict[str, Any], tenant_id: int, event_id: str, body: str) -> None:
    """One event: opened, mapped, sealed and committed by itself."""
    keys = await ctx["keyring"].keys_of(tenant_id)
    event = decode_event(event_id, b64decode(body))
    settlement = Settlement(event, 1, open_inline(keys, event))
    await apply_batch(ctx["database"], keys, [settlement], now=datetime.now(UTC))


async def main() -> None:
    settings = get_settings()
    database = await Database.open(settings, application_name="arq baseline")
    keyring = await open_keyring(settings)
    worker = Worker(
        functions=[apply_one],
        queue_name=QUEUE,
        redis_settings=RedisSettings.from_dsn(settings.get_url("redis_url")),
        max_jobs=100,
        poll_delay=0.02,
        keep_result=0,
        log_results=False,
        job_serializer=orjson.dumps,
        job_deserializer=orjson.loads,
        ctx={"database": database, "keyring": keyring},
    )
    try:
        await worker.async_run()
    except asyncio.CancelledError:
        pass
    finally:
        await keyring.close()
        await database.close()


if __name__ == "__main__":
    uvloop.run(main())
