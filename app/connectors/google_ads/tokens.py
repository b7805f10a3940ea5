"""Access tokens of Google: fetched with a refresh token, which does not rotate, and kept in memory for their hour.

Each process fetches its own: nothing is lost when two do. One authorisation is refreshed once at a time in a process.
"""

import asyncio
import time
from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import urlencode

from app.connectors.google_ads.access import GoogleAccess
from app.connectors.google_ads.errors import judge_answer
from app.connectors.reading import JsonObject
from app.connectors.verdict import decode_body
from app.core.errors import ObjectFailedError
from app.core.lru import Lru
from app.core.outbound import Outbound, Priority, Route

MARGIN_S = 120.0
_LIFE_S = 3_600
_TOKEN_CHARS_MAX = 4_096


class _Kept(NamedTuple):
    token: str
    ends_at: float  # monotonic


class AccessTokens:
    """`url`: of the token endpoint."""

    def __init__(self, outbound: Outbound, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._outbound = outbound
        self._url = url
        self._clock = clock
        self._kept: Lru[bytes, _Kept] = Lru()
        self._locks: Lru[bytes, asyncio.Lock] = Lru()

    async def get(self, access: GoogleAccess, priority: Priority, *, refused: str | None = None) -> str:
        """A token that is valid for a while. `refused`: one that Google does not take any more, though its hour is not
        over. Raises CredentialsRefusedError when the authorisation is dead, and what a call raises."""
        key = _name_authorisation(access)
        lock = self._locks.get(key) or self._locks.put(key, asyncio.Lock())
        async with lock:
            kept = self._kept.get(key)
            if kept is not None and kept.token != refused and kept.ends_at > self._clock():
                return kept.token
            fetched = await self._fetch(access, priority)
            self._kept.put(key, fetched)
            return fetched.token

    async def _fetch(self, access: GoogleAccess, priority: Priority) -> _Kept:
        route = Route("google_ads", "refresh_token", access.customer_id, counted_by=f"oauth-{access.project}")
        form = {
            "grant_type": "refresh_token",
            "client_id": access.client_id,
            "client_secret": access.client_secret,
            "refresh_token": access.refresh_token,
        }
        asked_at = self._clock()
        answer = await self._outbound.call(
            route,
            "POST",
            self._url,
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            content=urlencode(form).encode(),
            priority=priority,
            judge=lambda refusal: judge_answer("google_ads refresh_token", refusal),
        )
        told = JsonObject(decode_body(answer.body))
        token = told.peek("access_token")
        if not isinstance(token, str) or not 0 < len(token) <= _TOKEN_CHARS_MAX or not token.isascii():
            raise ObjectFailedError("google_ads refresh_token: the answer has no access token", status=answer.status)
        life_s = told.peek("expires_in")
        life_s = life_s if isinstance(life_s, int) and 0 < life_s <= 86_400 else _LIFE_S
        return _Kept(token, asked_at + max(life_s - MARGIN_S, life_s / 2))


def _name_authorisation(access: GoogleAccess) -> bytes:
    return sha256("\n".join((access.client_id, access.client_secret, access.refresh_token)).encode()).digest()
