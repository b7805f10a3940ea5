"""A Valkey that was away has lost nothing: only one that comes back empty is to be taken for one that forgot."""

from pathlib import Path
from typing import cast

import pytest

from app.core.errors import QueueUnavailableError
from app.core.queue import Queue
from app.core.redis import connect_redis
from app.core.settings import Settings
from db.pool import Database
from scripts.stack.valkey import EmbeddedValkey
from workers.context import DrainContext
from workers.upkeep import notice_lost_memory

pytestmark = pytest.mark.kill

TURNS = 5  # more than the difference that is forgiven


class House:
    """What of a worker the upkeep needs."""

    def __init__(self, database: Database, queue: Queue, settings: Settings) -> None:
        self.database, self.queue, self.settings = database, queue, settings


async def test_turns_of_the_upkeep_while_valkey_is_away_raise_no_alarm_when_it_is_back(
    tmp_path: Path, database: Database, settings: Settings
) -> None:
    valkey = EmbeddedValkey(tmp_path)
    await valkey.start()
    redis = connect_redis(valkey.url, socket_timeout_s=2.0)
    queue = Queue(redis)
    house = cast("DrainContext", House(database, queue, settings))
    try:
        for _ in range(TURNS):
            assert not await notice_lost_memory(house)
        await valkey.kill()
        for _ in range(TURNS):
            with pytest.raises(QueueUnavailableError):
                await notice_lost_memory(house)
        await valkey.start()
        assert not await notice_lost_memory(house)
        await redis.flushall()
        assert await notice_lost_memory(house)
    finally:
        await queue.close()
        await redis.aclose()
        await valkey.stop()
