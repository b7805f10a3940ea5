import asyncio
import json
import signal
import sys
import time
from pathlib import Path

import aiohttp
import pytest


async def start(*arguments: str) -> tuple[asyncio.subprocess.Process, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scripts.sandbox", "--port", "0", *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
    assert line.startswith("sandbox ready on http://127.0.0.1:")
    return process, line.split()[-1]


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
async def test_it_stops_at_once_even_while_calls_hang(tmp_path: Path, sign: signal.Signals) -> None:
    accounts = tmp_path / "accounts.json"
    accounts.write_text(json.dumps({"acme": {"app_key": "k", "app_token": "t", "orders": 1}}))
    process, url = await start("--accounts", str(accounts))
    async with aiohttp.ClientSession() as session:
        await session.post(f"{url}/_sandbox/faults", json={"kind": "hang"})
        headers = {"X-VTEX-API-AppKey": "k", "X-VTEX-API-AppToken": "t"}
        hanging = asyncio.create_task(session.get(f"{url}/acme/api/oms/pvt/orders", headers=headers).__aenter__())
        async with session.get(f"{url}/_sandbox/") as response:  # the hanging call was sent before this one
            assert response.status == 200
        started_at = time.monotonic()
        process.send_signal(sign)
        await asyncio.wait_for(process.wait(), 5)
        assert time.monotonic() - started_at < 3
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)
