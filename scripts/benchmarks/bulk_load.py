"""The loading process of `bench bulk`: pages over HTTP into sealed rows, as a sync does it.

While a page is written, the two behind it are read, mapped and sealed: three pages are in hand. Each line of standard
input is `FIRST END`, the pages to load; each answer a line of JSON with the seconds and the peak of this process's
memory since it was started.
"""

import asyncio
import os
import resource
import sys
import time
from collections import deque
from datetime import UTC, datetime

import httpx
import orjson
import uvloop
from httpx_aiohttp import AiohttpTransport

from app.connectors.reading import parse_json
from app.connectors.vtex.mapping import MAPPER_VERSION, map_customer
from app.core.sealing import TenantKeys
from app.services.apply import Observation, apply_batch
from app.services.keyring import open_keyring
from app.services.prepare import Prepared, prepare_batch
from db.pool import Database
from scripts.benchmarks.bulk_pages import ACCOUNT
from scripts.stack.installation import read_settings_of
from workers.syncer import settle_garbage

TENANT = 1
MAPPED_PER_TURN = 100
PAGES_AHEAD = 2

Page = tuple[list[Observation], Prepared]


class Loader:
    def __init__(self, database: Database, keys: TenantKeys, http: httpx.AsyncClient) -> None:
        self._database = database
        self._keys = keys
        self._http = http

    async def load(self, first: int, end: int) -> None:
        ahead: deque[asyncio.Task[Page]] = deque()
        writing: asyncio.Task[None] | None = None
        for number in range(first, end):
            while len(ahead) < PAGES_AHEAD and number + len(ahead) < end:
                ahead.append(asyncio.create_task(self._prepare(number + len(ahead))))
            observations, prepared = await ahead.popleft()
            if writing is not None:
                await writing
            writing = asyncio.create_task(self._write(observations, prepared))
        if writing is not None:
            await writing

    async def _prepare(self, number: int) -> Page:
        observations = await self._map(await self._read(number))
        return observations, await prepare_batch(self._database, self._keys, observations)

    async def _read(self, number: int) -> bytes:
        return (await self._http.get(f"/{number}")).raise_for_status().content

    async def _map(self, body: bytes) -> list[Observation]:
        observed_at, observations = datetime.now(UTC), []
        documents = parse_json(body)
        assert isinstance(documents, list)
        for document in documents:
            observations.append(Observation("vtex", ACCOUNT, map_customer(document), MAPPER_VERSION, observed_at))
            if len(observations) % MAPPED_PER_TURN == 0:
                await asyncio.sleep(0)
        return observations

    async def _write(self, observations: list[Observation], prepared: Prepared) -> None:
        now = datetime.now(UTC)
        await apply_batch(self._database, self._keys, (), observations, writer="bulk", now=now, prepared=prepared)


async def main(pages_url: str) -> None:
    settings = read_settings_of(os.environ)
    keyring = await open_keyring(settings)
    keys = await keyring.keys_of(TENANT)
    http = httpx.AsyncClient(base_url=pages_url, transport=AiohttpTransport(), trust_env=False)
    async with await Database.open(settings, application_name="bench bulk") as database, http:
        loader = Loader(database, keys, http)
        settle_garbage()
        while line := await asyncio.to_thread(sys.stdin.readline):
            started_at = time.perf_counter()
            await loader.load(*map(int, line.split()))
            seconds = time.perf_counter() - started_at
            peak_rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(orjson.dumps({"seconds": seconds, "peak_rss_mb": peak_rss_mb}).decode(), flush=True)
    await keyring.close()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
