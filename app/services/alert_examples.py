"""One example of what an alert is about, so that whoever is told can begin somewhere."""

import asyncpg

from db.dead_letters import list_dead_letters


async def find_example(connection: asyncpg.Connection, tenant_id: int, rule: str) -> dict[str, str] | None:
    """Ids and named reasons; None where there is no single thing to show."""
    if rule != "dead_letters":
        return None
    letters = await list_dead_letters(connection, tenant_id, limit=1)
    return {"event_id": letters[0].event_id, "kind": letters[0].kind, "reason": letters[0].reason} if letters else None
