"""Calls to our own public addresses, as a provider would make them: through DNS, TLS and whatever stands before us.

Neither address nor secret reaches a log or a sentence.
"""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

import httpx
import orjson

CONNECT_TIMEOUT_S = 5.0
CALL_TIMEOUT_S = 10.0
ANSWER_BYTES_MAX = 65_536


class OwnAnswer(NamedTuple):
    """`status` 0: no answer, because of `failure`, an error's name. `document`: the JSON object, if it was one."""

    status: int
    document: Mapping[str, object]
    failure: str | None = None


class OwnAddress:
    """Made once per process; `aclose` at the end."""

    def __init__(self) -> None:
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(CALL_TIMEOUT_S, connect=CONNECT_TIMEOUT_S), follow_redirects=False, trust_env=False
        )

    async def aclose(self) -> None:
        await self._http.aclose()

    async def call(self, url: str, headers: Mapping[str, str], body: bytes) -> OwnAnswer:
        """`body`: JSON. Raises nothing that a call can meet."""
        sent = {**headers, "Content-Type": "application/json"}
        try:
            async with (
                asyncio.timeout(CALL_TIMEOUT_S),
                self._http.stream("POST", url, headers=sent, content=body) as response,
            ):
                return OwnAnswer(response.status_code, _parse(await _read(response)))
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
            return OwnAnswer(0, {}, type(error).__name__)


async def _read(response: httpx.Response) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > ANSWER_BYTES_MAX:
            return b""
        chunks.append(chunk)
    return b"".join(chunks)


def _parse(body: bytes) -> Mapping[str, object]:
    try:
        document = orjson.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
