"""Master Data's scrolls: cursors that every call moves on, so that an answer that was lost is a page that was lost."""

from collections.abc import Sequence
from random import Random

from scripts.sandbox.times import WorldClock

SCROLLS_MAX = 10
IDLE_S_MAX = 20 * 60.0


class TooManyScrollsError(Exception):
    """The account has as many open scrolls as it may have."""


class Scroll:
    """`keys`: all documents of the query as they were listed when it was opened."""

    __slots__ = ("entity", "fields", "keys", "position", "size", "token", "used_at_s")

    def __init__(self, token: str, entity: str, keys: Sequence[int], size: int, fields: str) -> None:
        self.token = token
        self.entity = entity
        self.keys = keys
        self.size = size
        self.fields = fields
        self.position = 0
        self.used_at_s = 0.0


class Scrolls:
    """Those of one account. A scroll is open until it gave an empty page or was idle for too long."""

    def __init__(self, clock: WorldClock, random: Random) -> None:
        self._clock = clock
        self._random = random
        self._open: dict[str, Scroll] = {}

    def __len__(self) -> int:
        self._end_idle()
        return len(self._open)

    def open(self, entity: str, keys: Sequence[int], size: int, fields: str) -> Scroll:
        """Raises TooManyScrollsError."""
        if len(self) >= SCROLLS_MAX:
            raise TooManyScrollsError(f"Maximum simultaneous scrolls rate exceeded ({SCROLLS_MAX})")
        scroll = Scroll(f"{self._random.getrandbits(128):032X}", entity, keys, size, fields)
        scroll.used_at_s = self._clock.now_s()
        self._open[scroll.token] = scroll
        return scroll

    def find(self, token: str, entity: str) -> Scroll:
        """Raises ValueError for a token that is not, or no longer, known."""
        self._end_idle()
        scroll = self._open.get(token)
        if scroll is None or scroll.entity != entity:
            raise ValueError(f"Operation not found for this token: '{token}'")
        return scroll

    def take(self, scroll: Scroll) -> Sequence[int]:
        """The next page's keys; an empty page ends the scroll."""
        page = scroll.keys[scroll.position : scroll.position + scroll.size]
        scroll.position += len(page)
        scroll.used_at_s = self._clock.now_s()
        if not page:
            del self._open[scroll.token]
        return page

    def _end_idle(self) -> None:
        now_s = self._clock.now_s()
        for scroll in [scroll for scroll in self._open.values() if now_s - scroll.used_at_s >= IDLE_S_MAX]:
            del self._open[scroll.token]
