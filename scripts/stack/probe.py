"""Asks one of our processes how it is, over plain HTTP on the loopback address."""

import asyncio

from scripts.stack.ports import LOOPBACK


async def fetch_status(port: int, path: str = "/healthz", timeout_s: float = 1.0) -> int | None:
    """The HTTP status of a GET, None when nobody answers."""
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\nConnection: close\r\n\r\n".encode())
                words = (await reader.readline()).split()
                return int(words[1]) if len(words) > 1 and words[1].isdigit() else None
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None
