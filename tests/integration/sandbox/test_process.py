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


async def test_a_store_of_the_documents_size_is_there_in_seconds_and_small(tmp_path: Path) -> None:
    accounts = tmp_path / "accounts.json"
    keys = {"app_key": "k", "app_token": "t"}
    accounts.write_text(json.dumps({"acme": {**keys, "orders": 200_000, "customers": 65_226}}))
    started_at = time.monotonic()
    process, url = await start("--accounts", str(accounts), "--latency-ms", "0")
    try:
        assert time.monotonic() - started_at < 20
        headers = {"X-VTEX-API-AppKey": "k", "X-VTEX-API-AppToken": "t"}
        async with aiohttp.ClientSession() as session:
            found: dict[str, dict[str, object]] = {}
            after: int | None = 0
            while after is not None:
                query = f"account=acme&kind=order&after={after}&limit=50000"
                async with session.get(f"{url}/_sandbox/fingerprints?{query}") as response:
                    page = await response.json()
                found |= {row["external_id"]: row for row in page["rows"]}
                after = page["next"]
            assert len(found) == page["total"] == 200_000
            path = f"{url}/acme/api/oms/pvt/orders?page=30&per_page=100&orderBy=creationDate,asc"
            async with session.get(path, headers=headers) as response:
                body = await response.json()
            assert body["paging"]["total"] == 200_000
            for row in body["list"]:
                truth = found[row["orderId"]]
                assert (row["status"], row["totalValue"]) == (truth["status"], truth["total_minor"])
            open_orders = [one for one in found.values() if one["status"] not in ("invoiced", "canceled", "replaced")]
            assert 200 < len(open_orders) < 4_000
        peak_kb = next(line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if "VmHWM" in line)
        assert int(peak_kb.split()[1]) < 400_000
    finally:
        process.terminate()
        await process.wait()
