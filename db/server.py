"""How the server is set: what `doctor` looks at."""

from collections.abc import Sequence

from db.pool import Database
from db.queries import load_queries

SQL = load_queries("server")


async def read_server_settings(database: Database, names: Sequence[str]) -> dict[str, str]:
    """Setting → value in the server's own unit; what this role may not see is left out."""
    async with database.platform_tx("read_server_settings") as connection:
        rows = await connection.fetch(SQL["read_server_settings"], list(names))
    return {row["name"]: row["setting"] for row in rows}
