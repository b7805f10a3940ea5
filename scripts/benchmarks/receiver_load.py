"""A raw-socket load generator: keep-alive connections, requests made beforehand, answers told by their first bytes.

`python -m scripts.benchmarks.receiver_load --port N --requests FILE …`, a process of its own. FILE: JSON list of
base64 requests; connection i sends number i modulo their count, again and again. Prints one line of JSON:
`{"answers", "refused", "per_s", "latency_ms": {"p50", "p99", "max"}}`.

With `--rate 0` every connection sends again as soon as it has its answer (saturation). With a rate, sends are due at
fixed times, and latency is counted from when a send was due, not from when a connection was free for it.
"""

import argparse
import asyncio
import json
import sys
from base64 import b64decode
from collections import deque
from pathlib import Path
from typing import cast

import uvloop

OK = b"HTTP/1.1 200"


class Load:
    """What all connections share."""

    def __init__(self, requests: list[bytes], rate: float) -> None:
        self.requests = requests
        self.rate = rate
        self.answers = 0
        self.refused = 0
        self.latencies: list[float] = []
        self.is_counting = False
        self.is_over = False
        self.idle: deque[Connection] = deque()
        self.due: deque[float] = deque()

    def finish(self, sent_at: float, now: float, *, is_ok: bool) -> None:
        if not self.is_counting:
            return
        self.answers += 1
        self.refused += not is_ok
        self.latencies.append(now - sent_at)


class Connection(asyncio.Protocol):
    """One request in flight at a time. An answer's length is learnt from the first one and holds for its like."""

    def __init__(self, load: Load, request: bytes, loop: asyncio.AbstractEventLoop) -> None:
        self._load = load
        self._request = request
        self._loop = loop
        self._buffer = b""
        self._sent_at = 0.0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are none by class
        if self._load.rate:
            self._load.idle.append(self)
        else:
            self.send(self._loop.time())

    def send(self, due_at: float) -> None:
        assert self.transport is not None
        self._sent_at = due_at
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        if not is_whole(data):
            self._buffer = data
            return
        self._buffer = b""
        load = self._load
        now = self._loop.time()
        load.finish(self._sent_at, now, is_ok=data.startswith(OK))
        if load.is_over:
            return
        if not load.rate:
            self.send(now)
        elif load.due:
            self.send(load.due.popleft())
        else:
            load.idle.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._load.is_over:
            sys.exit("the server closed a connection: a run with other conditions than planned counts for nothing")


_known_lengths: set[int] = set()


def is_whole(data: bytes) -> bool:
    """Whether an answer has come whole. Lengths seen once are trusted: parsing each would make this the bottleneck."""
    if len(data) in _known_lengths:
        return True
    head, separator, body = data.partition(b"\r\n\r\n")
    if not separator:
        return False
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length" and len(body) == int(value):
            _known_lengths.add(len(data))
            return True
    return False


async def pace(load: Load) -> None:
    """Makes sends due at the given rate, whatever the server does."""
    loop = asyncio.get_running_loop()
    started_at, made = loop.time(), 0
    while not load.is_over:
        wanted = int((loop.time() - started_at) * load.rate)
        for number in range(made, wanted):
            due_at = started_at + (number + 1) / load.rate
            if load.idle:
                load.idle.popleft().send(due_at)
            else:
                load.due.append(due_at)
        made = wanted
        await asyncio.sleep(0.001)


def measure_percentiles(latencies: list[float]) -> dict[str, float]:
    ordered = sorted(latencies) or [0.0]
    count = len(ordered)
    return {
        "p50": round(ordered[count // 2] * 1000, 2),
        "p99": round(ordered[min(count - 1, int(count * 0.99))] * 1000, 2),
        "max": round(ordered[-1] * 1000, 2),
    }


async def run(
    port: int, requests: list[bytes], *, connections: int, warm_up_s: float, seconds: float, rate: float
) -> None:
    loop = asyncio.get_running_loop()
    load = Load(requests, rate)
    for number in range(connections):
        request = requests[number % len(requests)]
        await loop.create_connection(lambda request=request: Connection(load, request, loop), "127.0.0.1", port)  # type: ignore[misc]
    pacing = asyncio.create_task(pace(load)) if rate else None
    await asyncio.sleep(warm_up_s)
    load.is_counting = True
    started_at = loop.time()
    await asyncio.sleep(seconds)
    load.is_counting = False
    elapsed_s = loop.time() - started_at
    load.is_over = True
    if pacing is not None:
        pacing.cancel()
    result = {
        "answers": load.answers,
        "refused": load.refused,
        "per_s": round(load.answers / elapsed_s, 1),
        "latency_ms": measure_percentiles(load.latencies),
    }
    print(json.dumps(result), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--requests", type=Path, required=True)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--warm-up-s", type=float, default=0.5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rate", type=float, default=0.0)
    given = parser.parse_args()
    requests = [b64decode(text) for text in json.loads(given.requests.read_text())]
    uvloop.run(
        run(
            given.port,
            requests,
            connections=given.connections,
            warm_up_s=given.warm_up_s,
            seconds=given.seconds,
            rate=given.rate,
        )
    )


if __name__ == "__main__":
    main()
