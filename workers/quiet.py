"""Lets one suspect be handled alone in the whole process.

Whoever has events in hand holds a share. The suspect's drain waits until no share is out, and while it waits no new
share is given: a poison that kills its worker then kills nobody else's batch.
"""

import asyncio


class Quiet:
    """Shares and one exclusive holder, the waiting exclusive holder first."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._shares = 0
        self._waiting_alone = 0
        self._is_alone = False

    async def take_share(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: not self._is_alone and not self._waiting_alone)
            self._shares += 1

    async def give_share_back(self) -> None:
        async with self._changed:
            self._shares -= 1
            self._changed.notify_all()

    def add_share(self) -> None:
        """One more share for somebody who holds one already: needs no waiting, since nobody can be alone now."""
        assert self._shares > 0, "only a holder of a share may add one"
        self._shares += 1

    async def take_alone(self) -> None:
        """Waits until no share is out; while it waits no new share is given. The caller must hold none itself."""
        async with self._changed:
            self._waiting_alone += 1
            try:
                await self._changed.wait_for(lambda: not self._is_alone and self._shares == 0)
                self._is_alone = True
            finally:
                self._waiting_alone -= 1
                self._changed.notify_all()

    async def end_alone(self) -> None:
        async with self._changed:
            self._is_alone = False
            self._changed.notify_all()
