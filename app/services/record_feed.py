"""From when the next poll of a feed must begin so that nothing is missed. Pure.

`updated_at` is the beginning of the transaction that wrote a row, so a row can become visible after others with a later
one. But no longer than a transaction may take: what a page could not see yet had begun less than a minute before it.
"""

from datetime import datetime, timedelta

# More than the roles' transaction_timeout (60 s, db/roles.py): what is older than this either stands or never will.
FEED_MARGIN_S = 65


def find_walk_end(began_at: datetime, asked_since: datetime | None) -> datetime:
    """Where the poll after a whole walk begins. `began_at`: the beginning of the transaction of its first page.

    Not before what was asked for: that the consumer has, or did not want.
    """
    settled_until = began_at - timedelta(seconds=FEED_MARGIN_S)
    return settled_until if asked_since is None else max(settled_until, asked_since)


def find_next_since(walk_end: datetime, last_delivered: datetime | None, *, is_ended: bool) -> datetime:
    """Where the poll after this page begins. A walk that is broken off has not delivered what lies behind its page."""
    if is_ended or last_delivered is None:
        return walk_end
    return min(walk_end, last_delivered)
