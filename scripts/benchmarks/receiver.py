"""`scripts/bench receiver`: accepted calls per second with a durable ack, against a bare Starlette route.

Both are real processes with identical uvicorn settings (app/receiver/server.py) and get the same bytes from the same
raw-socket generator, in short slices in turn, for five rounds; Valkey runs as it must (appendfsync always). The bare
route reads and parses the body and answers; the receiver verifies, appends, waits for the fsync and answers. In each
round the generator's own ceiling is taken against a server that does nothing: if it is not well above the bare
route's figure, the generator is what would be measured, and nothing is concluded.
"""

import asyncio
import json
import os
import secrets
import signal
import statistics
import sys
import tempfile
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from redis.asyncio import Redis

from app.core.directory import (
    ENDPOINTS_KEY,
    GENERATION_KEY,
    VERSION_KEY,
    DirectoryEntry,
    derive_directory_keys,
    encode_entry,
)
from app.core.queue_runner import send_command
from app.core.tokens import hash_token, make_endpoint_token
from scripts.stack.ports import find_free_port
from scripts.stack.valkey import EmbeddedValkey

ROUNDS = 5
SLICES = 3
SECONDS = 1.0
WARM_UP_S = 0.3
CONNECTIONS = 128
TENANTS = 5
CEILING_FACTOR_MIN = 1.5  # the generator must be able to send this much more than the bare route takes
START_TIMEOUT_S = 15.0
_BARE = ("scripts.benchmarks.receiver_servers", "bare")
_CEILING = ("scripts.benchmarks.receiver_servers", "ceiling")
_RECEIVER = ("app.receiver",)


class Round(NamedTuple):
    """Requests per second: what the generator can do at most, the bare route, and accepted by the receiver."""

    ceiling_per_s: float
    bare_per_s: float
    accepted_per_s: float

    def describe(self) -> str:
        return (
            f"ceiling {self.ceiling_per_s:,.0f}/s, bare {self.bare_per_s:,.0f}/s, "
            f"accepted {self.accepted_per_s:,.0f}/s: {self.accepted_per_s / self.bare_per_s:.2f}"
        )


async def run() -> dict[str, Any]:
    """The figures; prints progress on stderr. Raises RuntimeError when the generator is the bottleneck."""
    with tempfile.TemporaryDirectory(prefix="acequia-bench-") as folder:
        valkey = EmbeddedValkey(Path(folder))
        await valkey.start()
        try:
            return await _measure(Path(folder), valkey.url)
        finally:
            await valkey.stop()


async def _measure(folder: Path, redis_url: str) -> dict[str, Any]:
    endpoint_token_key = secrets.token_hex(32)
    requests = folder / "requests.json"
    redis = Redis.from_url(redis_url)
    requests.write_text(json.dumps(await publish_endpoints(redis, endpoint_token_key)))
    environment = {
        "REDIS_URL": redis_url,
        "ENDPOINT_TOKEN_KEY": endpoint_token_key,
        "RECEIVER_STATE_DIR": str(folder / "state"),
        "LOG_LEVEL": "warning",
    }
    rounds: list[Round] = []
    async with (
        start_server(_CEILING, environment) as ceiling_port,
        start_server(_BARE, environment) as bare_port,
        start_server(_RECEIVER, environment) as port,
    ):
        for number in range(ROUNDS):
            rounds.append(await _measure_round(redis, requests, (ceiling_port, bare_port, port)))
            _say(f"round {number + 1}: {rounds[-1].describe()}")
        ceiling_per_s, bare_per_s, accepted_per_s = (statistics.median(column) for column in zip(*rounds, strict=True))
        if ceiling_per_s < CEILING_FACTOR_MIN * bare_per_s:
            raise RuntimeError(
                f"The generator reaches {ceiling_per_s:,.0f}/s, the bare route {bare_per_s:,.0f}/s: this machine is "
                "too busy or too small to tell them apart. Nothing can be concluded."
            )
        await _empty_queue(redis)
        halves = [(await generate(port, requests, rate=accepted_per_s / 2))["latency_ms"] for _ in range(ROUNDS)]
    await redis.aclose()
    ratios = [one.accepted_per_s / one.bare_per_s for one in rounds]
    return {
        "bare_per_s": round(bare_per_s),
        "accepted_per_s": round(accepted_per_s),
        # Of the rounds' own ratios: both sides of one were measured within seconds, under the same neighbours.
        "ratio": round(statistics.median(ratios), 3),
        "ack_ms": {name: statistics.median(half[name] for half in halves) for name in ("p50", "p99")},
        "spread": {
            "bare_per_s": _spread([one.bare_per_s for one in rounds]),
            "accepted_per_s": _spread([one.accepted_per_s for one in rounds]),
            "ratio": _spread(ratios, digits=3),
            "ack_p99_ms": _spread([half["p99"] for half in halves], digits=2),
        },
        "generator_ceiling_per_s": round(ceiling_per_s),
        "connections": CONNECTIONS,
        "cores": os.cpu_count(),
    }


async def _measure_round(redis: Redis, requests: Path, ports: tuple[int, int, int]) -> Round:
    """Short slices in turn, so that a neighbour's burst falls on both sides."""
    ceiling_port, bare_port, port = ports
    ceiling = (await generate(ceiling_port, requests))["per_s"]
    bare: list[float] = []
    accepted: list[float] = []
    for _ in range(SLICES):
        bare.append((await generate(bare_port, requests))["per_s"])
        accepted.append(await measure_accepted(redis, port, requests))
    return Round(ceiling, statistics.mean(bare), statistics.mean(accepted))


async def measure_accepted(redis: Redis, port: int, requests: Path) -> float:
    """Accepted calls per second. Every one must have been answered 200 and be in the queue."""
    await _empty_queue(redis)
    result = await generate(port, requests)
    if result["refused"]:
        raise RuntimeError(f"The receiver refused {result['refused']} calls: the figure would not be of accepted ones.")
    stored = sum(int(count) for count in (await send_command(redis, "HVALS", "accepted")))
    if stored < result["answers"]:
        raise RuntimeError(f"{result['answers']} were acknowledged and {stored} are in the queue.")
    return float(result["per_s"])


async def publish_endpoints(redis: Redis, endpoint_token_key: str) -> list[str]:
    """A directory of order hooks of several tenants, and one request for each (base64)."""
    keys = derive_directory_keys(endpoint_token_key)
    requests = []
    for number in range(TENANTS):
        token, secret, account = make_endpoint_token(keys.checksum_key), secrets.token_urlsafe(32), f"acme{number}"
        entry = DirectoryEntry(
            tenant_id=56 + number,
            integration_id=1,
            connector="vtex",
            kind="order_hook",
            source="vtex",
            accounts=(account,),
            header_name="X-Acequia-Secret",
            secret_hashes=(sha256(secret.encode()).digest(),),
            sealed_inline=None,
            status="active",
            tenant_status="active",
            priority="normal",
            group="shared",
        )
        await send_command(redis, "HSET", ENDPOINTS_KEY, hash_token(token).hex(), encode_entry(entry))
        requests.append(b64encode(make_request(token, secret, account)).decode())
    await redis.mset({GENERATION_KEY: 1, VERSION_KEY: secrets.token_hex(8)})
    return requests


def make_request(token: str, secret: str, account: str) -> bytes:
    """An order hook's call as VTEX sends it."""
    body = orjson.dumps(
        {
            "Domain": "Marketplace",
            "OrderId": "1268540501456-01",
            "State": "payment-approved",
            "LastState": "payment-pending",
            "LastChange": "2026-08-14T17:11:39.2550122Z",
            "CurrentChange": "2026-08-14T17:11:39.2550122Z",
            "Origin": {"Account": account, "Key": f"vtexappkey-{account}-ABCDEF"},
        }
    )
    head = (
        f"POST /webhooks/vtex/{token} HTTP/1.1\r\nHost: receiver.example\r\nUser-Agent: VTEX\r\nAccept: */*\r\n"
        f"Content-Type: application/json\r\nX-Acequia-Secret: {secret}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@asynccontextmanager
async def start_server(module: Sequence[str], environment: dict[str, str]) -> AsyncIterator[int]:
    """A server process on a free port, answering when the block begins, ended with it."""
    port = find_free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *module, env={**_inherit(), **environment, "RECEIVER_PORT": str(port)}
    )
    try:
        await _wait_for(port, process)
        yield port
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                process.kill()
                await process.wait()


async def generate(port: int, requests: Path, *, rate: float = 0.0) -> dict[str, Any]:
    """Runs the generator in a process of its own and gives its result."""
    command = (
        "--port",
        port,
        "--requests",
        requests,
        "--connections",
        CONNECTIONS,
        "--seconds",
        SECONDS,
        "--warm-up-s",
        WARM_UP_S,
        "--rate",
        rate,
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "scripts.benchmarks.receiver_load",
        *map(str, command),
        stdout=asyncio.subprocess.PIPE,
        env=_inherit(),
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("The load generator ended before its time: see above.")
    result: dict[str, Any] = json.loads(output)
    return result


async def _empty_queue(redis: Redis) -> None:
    """Queues start empty in every round, or the last one would pay for the memory of all before."""
    names = [name async for name in redis.scan_iter(match="t:*")]
    await redis.delete(*names, "accepted", "due", "doorbell:shared", "leased", "ready:shared", "runs")


async def _wait_for(port: int, process: asyncio.subprocess.Process) -> None:
    deadline = asyncio.get_running_loop().time() + START_TIMEOUT_S
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if process.returncode is not None or asyncio.get_running_loop().time() > deadline:
                raise RuntimeError("A server of the benchmark did not start: see above.") from None
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


def _inherit() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}


def _spread(values: Sequence[float], digits: int = 0) -> list[float]:
    """Least and greatest."""
    return [round(min(values), digits), round(max(values), digits)]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run())))
