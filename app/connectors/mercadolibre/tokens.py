"""MercadoLibre's tokens. A refresh token is good once: using it makes a new one and kills the old one.

So there is one lock for an authorisation over all processes, and new tokens are committed before anybody uses them: see
Vault, which whoever knows a database provides. Under the lock they are read again, since whoever held it before has
most likely refreshed them. From the call to the commit nothing is cancelled: a lost answer is a lost authorisation.

A time-out or a server error may have used the token up. It is tried once more with the same one; if that says
invalid_grant, a person must authorise again, and nothing goes round. Whoever enters another refresh token starts anew:
tokens that came from another seed count for nothing.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from app.connectors.mercadolibre.access import Application
from app.connectors.mercadolibre.errors import judge_answer
from app.connectors.reading import JsonObject
from app.connectors.vault import Tokens, Vault
from app.connectors.verdict import decode_body
from app.core.errors import CredentialsRefusedError, ObjectFailedError, ProviderTimeoutError, ProviderUnavailableError
from app.core.outbound import Answer, Outbound, Priority, Route

PROVIDER = "mercadolibre"
MARGIN = timedelta(minutes=5)
_LIFE_S = 3 * 3_600
_TOKEN_CHARS_MAX = 1_000
_IN_DOUBT = (ProviderTimeoutError, ProviderUnavailableError, ObjectFailedError)


class AccessTokens:
    """`url`: of the token endpoint."""

    def __init__(self, outbound: Outbound, url: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._outbound = outbound
        self._url = url
        self._clock = clock

    async def get(
        self, application: Application, vault: Vault, priority: Priority, *, refused: str | None = None
    ) -> Tokens:
        """Tokens that are good for a while. `refused`: an access token that is not taken any more, whatever its time.

        Raises CredentialsRefusedError when the authorisation is dead, and what a call raises.
        """
        held = await _read_own(vault, application)
        if held is not None and held.is_good(self._clock(), refused):
            return held
        renewal = asyncio.ensure_future(self._renew(application, vault, priority, refused))
        try:
            return await asyncio.shield(renewal)
        except asyncio.CancelledError:
            # The call may have left already: its answer must reach the vault, however often this is cancelled. Two
            # calls with their time-outs are the longest that it takes.
            while not renewal.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([renewal])
            raise

    async def _renew(self, application: Application, vault: Vault, priority: Priority, refused: str | None) -> Tokens:
        async with vault.hold():
            held = await _read_own(vault, application)
            if held is not None and held.is_good(self._clock(), refused):
                return held
            refresh_token = held.refresh_token if held is not None else application.seed
            try:
                fresh = await self._exchange(application, refresh_token, priority)
            except _IN_DOUBT:
                fresh = await self._exchange(application, refresh_token, priority)
            await vault.commit(fresh)
            return fresh

    async def _exchange(self, application: Application, refresh_token: str, priority: Priority) -> Tokens:
        name = "mercadolibre refresh_token"
        form = {
            "grant_type": "refresh_token",
            "client_id": application.client_id,
            "client_secret": application.client_secret,
            "refresh_token": refresh_token,
        }
        asked_at = self._clock()
        answer = await self._outbound.call(
            Route(PROVIDER, "refresh_token", application.site_id, counted_by=f"oauth-{application.counted_by}"),
            "POST",
            self._url,
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            content=urlencode(form).encode(),
            priority=priority,
            judge=lambda refusal: judge_answer(name, refusal),
        )
        return _read_tokens(name, answer, asked_at, application)


async def _read_own(vault: Vault, application: Application) -> Tokens | None:
    held = await vault.read()
    return held if held is not None and held.origin == application.origin else None


def _read_tokens(name: str, answer: Answer, asked_at: datetime, application: Application) -> Tokens:
    """A success that cannot be read has used the old token up: only a person can help."""
    told = JsonObject(decode_body(answer.body))
    texts = [told.peek("access_token"), told.peek("refresh_token")]
    access_token, refresh_token = (
        text if isinstance(text, str) and 0 < len(text) <= _TOKEN_CHARS_MAX and text.isascii() else None
        for text in texts
    )
    user_id = told.find_text("user_id", chars_max=20)
    if access_token is None or refresh_token is None or user_id is None or not user_id.isdecimal():
        raise CredentialsRefusedError(f"{name}: the answer has no tokens", status=401, told="unreadable")
    life_s = told.peek("expires_in")
    life_s = life_s if isinstance(life_s, int) and not isinstance(life_s, bool) and 0 < life_s <= 86_400 else _LIFE_S
    ends_at = asked_at + max(timedelta(seconds=life_s) - MARGIN, timedelta(seconds=life_s / 2))
    scope = told.find_text("scope", chars_max=200)
    return Tokens(access_token, ends_at, refresh_token, user_id, application.origin, scope)
