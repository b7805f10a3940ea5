"""Nothing to do, and known: an integration whose hook stands and of which nothing waits is current without a word.

A shop without orders at night is told of by nobody. That it is not behind is known from the watchdog's look: our hook
stood at the provider all the time since the look before, whatever it told has been worked off, and nothing is known to
be missing.
"""

from app.core.errors import QueueUnavailableError
from app.core.queue import Queue
from db.activity import note_activity
from db.gaps import LIMIT_REASONS, list_gaps
from db.hook_watches import Place, find_watch
from db.pool import Database


async def note_if_idle(database: Database, queue: Queue, place: Place) -> bool:
    """Call it after a look that found our hook in order: what that had told before is then in the queue or settled.
    False when something waits or is missing, or Redis does not answer. Raises asyncpg's errors."""
    tenant_id, integration_id = place
    try:
        depth = await queue.depth(tenant_id)
    except QueueUnavailableError:
        return False
    if depth.waiting or depth.retrying:
        return False
    async with database.tenant_tx(tenant_id, "note_idle") as connection:
        watch = await find_watch(connection, place)
        if watch.silent_since is not None or watch.path_problem is not None:
            return False
        for gap in await list_gaps(connection, tenant_id):
            if gap.integration_id == integration_id and gap.reason not in LIMIT_REASONS:
                return False
        await note_activity(connection, tenant_id, "live", [integration_id])
    return True
