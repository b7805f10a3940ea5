"""`scripts/up --smoke` as CI and a newcomer run it."""

import asyncio
import json

from scripts.stack.procfile import ROOT

LATENCY_MAX_MS = 5_000  # a bound that only something broken exceeds; the promise is measured on a quiet machine


async def test_the_smoke_run_accounts_for_every_event_and_says_so_in_json() -> None:
    process = await asyncio.create_subprocess_exec(
        ROOT / "scripts/up", "--smoke", "--events", "250", "--rate", "100", "--provider-latency-ms", "20", "--json",
        cwd="/", stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()[-2_000:]
    summary = json.loads(out.decode().splitlines()[-1])
    outcomes = sum(summary[name] for name in ("applied", "superseded", "duplicate", "ignored", "dead"))
    assert summary["sent"] == 250
    assert summary["sent"] == summary["accepted"] + summary["refused"]
    assert summary["accepted"] == outcomes
    assert summary["lost"] == summary["wrong_rows"] == 0
    assert summary["rows_checked"] > 20
    assert 0 < summary["latency_ms"]["p50"] <= summary["latency_ms"]["p99"] <= LATENCY_MAX_MS
