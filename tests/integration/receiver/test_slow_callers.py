"""Half-sent requests are closed after REQUEST_READ_TIMEOUT_S, and the others are served meanwhile."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from redis.asyncio import Redis

from scripts.stack.valkey import EmbeddedValkey
from tests.integration.receiver.support import Endpoint, Receiver, publish, start_receiver

READ_TIMEOUT_S = 3.0
LATEST_S = READ_TIMEOUT_S + 1.0
Attack = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def drip(writer: asyncio.StreamWriter, parts: bytes) -> None:
    """One byte every 0.2 s, until the other side has had enough."""
    try:
        for byte in parts * 40:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.2)
    except ConnectionError:
        pass


async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    del reader, writer


async def stop_in_the_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"POST /webhooks/vtex/x HTTP/1.1\r\nHost: x\r\n")


async def drip_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"POST /webhooks/vtex/x HTTP/1.1\r\nX-Drip: ")
    await drip(writer, b"a")


async def drip_blank_lines(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await drip(writer, b"\r\n")


async def stall_in_the_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"POST /webhooks/vtex/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")


async def stall_in_a_chunk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"POST /webhooks/vtex/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc")


async def stall_in_the_second_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.sleep(0.1)  # its answer is read by who measures
    writer.write(b"GET /healthz HT")


async def drip_blank_lines_after_a_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.sleep(0.1)  # its answer is read by who measures
    await drip(writer, b"\r\n")


ATTACKS: tuple[Attack, ...] = (
    say_nothing, stop_in_the_headers, drip_headers, drip_blank_lines, stall_in_the_body, stall_in_a_chunk,
    stall_in_the_second_request, drip_blank_lines_after_a_request,
)  # fmt: skip


async def measure_until_closed(port: int, attack: Attack) -> float:
    started_at = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    attacking = asyncio.ensure_future(attack(reader, writer))
    try:
        async with asyncio.timeout(LATEST_S + 4):
            while await reader.read(1000):
                pass
    except ConnectionError:
        pass
    finally:
        attacking.cancel()
        writer.close()
    return time.monotonic() - started_at


async def test_every_kind_of_half_sent_request_is_closed_in_time_and_others_are_served(
    receiver: Receiver, redis: Redis
) -> None:
    endpoint = Endpoint()
    await publish(redis, endpoint)
    attacks = [asyncio.create_task(measure_until_closed(receiver.port, attack)) for attack in ATTACKS]
    await asyncio.sleep(0.5)
    assert (await receiver.post(endpoint)).status_code == 200
    for attack, elapsed_s in zip(ATTACKS, await asyncio.gather(*attacks), strict=True):
        assert READ_TIMEOUT_S - 0.1 < elapsed_s < LATEST_S, attack.__name__


async def test_headers_too_many_or_too_long_are_refused(receiver: Receiver) -> None:
    many = b"".join(b"X-H%d: 1\r\n" % number for number in range(200))
    long = b"X-H: " + b"a" * 60_000 + b"\r\n"
    for headers in (many, long):
        reader, writer = await asyncio.open_connection("127.0.0.1", receiver.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n")
        assert b" 400 " in await reader.readline()
        writer.close()


async def test_a_request_with_both_lengths_is_refused(receiver: Receiver) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", receiver.port)
    writer.write(b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    assert b" 400 " in await reader.readline()
    writer.close()


async def test_without_the_deadlines_half_sent_requests_stay_open(valkey: EmbeddedValkey, tmp_path: Path) -> None:
    module = ("-m", "tests.integration.receiver.without_deadlines")
    async with start_receiver(valkey.url, tmp_path, module=module) as unprotected:
        attacks = (say_nothing, stop_in_the_headers, stall_in_the_body)
        connections = [await asyncio.open_connection("127.0.0.1", unprotected.port) for _ in attacks]
        for attack, (reader, writer) in zip(attacks, connections, strict=True):
            await attack(reader, writer)
        await asyncio.sleep(LATEST_S)
        assert not any(reader.at_eof() for reader, _ in connections)
        for _, writer in connections:
            writer.close()
