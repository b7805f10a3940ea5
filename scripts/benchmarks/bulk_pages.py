"""The pages that `bench bulk` loads: Master Data scrolls of the sandbox, with each client's addresses beside it.

They are read from a sandbox over HTTP before any clock runs, kept as files, and served again by a process that does
nothing else (`python -m scripts.benchmarks.bulk_pages FOLDER`): making documents is not what is measured. `GET /7` is
page 7, a JSON array.
"""

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson

from app.connectors.vtex.customer import ADDRESSES_KEY
from app.connectors.vtex.entities import ADDRESS_FIELDS, CLIENT_FIELDS
from scripts.stack.installation import find_inherited

PAGE_DOCUMENTS = 1_000
ACCOUNT = "acme"
_KEY = {"X-VTEX-API-AppKey": "bench", "X-VTEX-API-AppToken": "bench"}


@asynccontextmanager
async def run_module(*command: object) -> AsyncIterator[str]:
    """A module of ours as a process that tells its address in its first line; ended at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *map(str, command), stdout=asyncio.subprocess.PIPE, env=find_inherited()
    )
    try:
        assert process.stdout is not None
        yield (await process.stdout.readline()).decode().split()[-1]
    finally:
        process.terminate()
        await process.wait()


async def write_pages(folder: Path, documents: int) -> None:
    """Files 0, 1, … of PAGE_DOCUMENTS each."""
    async with (
        run_module("scripts.sandbox", "--latency-ms", 0) as url,
        httpx.AsyncClient(base_url=url, headers=_KEY, timeout=120, trust_env=False) as sandbox,
    ):
        account = {"app_key": "bench", "app_token": "bench", "customers": documents, "search_lag_s": 0}
        (await sandbox.put("/_sandbox/accounts", json={ACCOUNT: account})).raise_for_status()
        addresses = _scroll(sandbox, "AD", ADDRESS_FIELDS)
        by_user: dict[str, list[Any]] = defaultdict(list)
        number = 0
        async for clients in _scroll(sandbox, "CL", CLIENT_FIELDS):
            # Both scrolls go by the customer, so a page's addresses end where those of a later client begin.
            users = {client["userId"] for client in clients}
            while not by_user.keys() - users and (page := await anext(addresses, None)) is not None:
                for address in page:
                    by_user[address["userId"]].append(address)
            rows = [client | {ADDRESSES_KEY: by_user.pop(client["userId"], [])} for client in clients]
            (folder / str(number)).write_bytes(orjson.dumps(rows))
            number += 1
        if number * PAGE_DOCUMENTS < documents or by_user:
            raise RuntimeError("the sandbox's scrolls do not give the documents in one order")


async def _scroll(sandbox: httpx.AsyncClient, entity: str, fields: str) -> AsyncIterator[list[dict[str, Any]]]:
    query = {"_size": str(PAGE_DOCUMENTS), "_fields": fields}
    while True:
        answer = await sandbox.get(f"/{ACCOUNT}/api/dataentities/{entity}/scroll", params=query)
        rows: list[dict[str, Any]] = orjson.loads(answer.raise_for_status().content)
        if not rows:
            return
        yield rows
        query = {"_token": answer.headers.get("x-vtex-md-token") or query["_token"]}


async def serve_pages(folder: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            body = (folder / head.split()[1].decode().strip("/")).read_bytes()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body))
            writer.write(body)
            await writer.drain()

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
    print(f"pages on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve_pages(Path(sys.argv[1])))
