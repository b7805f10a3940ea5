"""A throw-away installation: an embedded PostgreSQL with the product's roles and schema."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from scripts.stack.installation import Installation, load_secrets, make_database_urls, prepare_databases
from scripts.stack.postgres import EmbeddedPostgres


@asynccontextmanager
async def open_installation(redis_url: str = "redis://none") -> AsyncIterator[Installation]:
    """Its server stops and its folder goes at the end."""
    with tempfile.TemporaryDirectory(prefix="acequia-bench-") as name:
        folder = Path(name) / "data"
        folder.mkdir()
        server = EmbeddedPostgres(folder)
        await server.start()
        try:
            secrets = load_secrets(folder)
            urls = make_database_urls(server.url(), secrets)
            installation = Installation(folder, secrets, urls, redis_url=redis_url)
            await prepare_databases(installation, server.url())
            yield installation
        finally:
            await server.stop()
