"""Where an integration's tokens are kept when a provider changes them at every refresh.

There is one lock for an authorisation over all processes, and new tokens are committed before anybody uses them.
Whoever knows a database provides it: a connector knows only this.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import NamedTuple, Protocol

from app.connectors.listing import Access


class Tokens(NamedTuple):
    """`refresh_token`: the only one that counts. `user_id`: whose account it is. `ends_at`: of the access token.
    `origin`: which entered authorisation they come from, as a hash that tells nothing."""

    access_token: str
    ends_at: datetime
    refresh_token: str
    user_id: str
    origin: str
    scope: str | None = None

    def is_good(self, now: datetime, refused: str | None) -> bool:
        return self.access_token != refused and now < self.ends_at


class Vault(Protocol):
    """Where one integration's tokens are kept. Outside the lock only `read` is called."""

    async def read(self) -> Tokens | None:
        """What is committed; None before the first refresh."""

    def hold(self) -> AbstractAsyncContextManager[None]:
        """The one lock over all processes, for longer than two calls may take. Raises ProviderUnavailableError when it
        is not to be had in time: somebody else is refreshing."""

    async def commit(self, tokens: Tokens) -> None:
        """Durable when it returns. Only under the lock."""


# The vault of whoever `access` is for, and of the entered authorisation `origin`.
OpenVault = Callable[[Access, str], Vault]
