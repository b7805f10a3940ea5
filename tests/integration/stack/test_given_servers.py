"""With URLs given, the stack uses those servers and starts none of its own."""

from pathlib import Path

import asyncpg
import pytest

from db.migrate import ensure_roles
from scripts.stack.given import find_given_servers
from scripts.stack.installation import load_secrets, make_database_urls
from scripts.stack.logs import trim_log
from scripts.stack.postgres import EmbeddedPostgres
from scripts.stack.stack import Stack, StackOptions
from scripts.stack.valkey import EmbeddedValkey


@pytest.mark.kill
async def test_given_servers_are_used_and_left_running(tmp_path: Path) -> None:
    postgres, valkey = EmbeddedPostgres(tmp_path / "theirs"), EmbeddedValkey(tmp_path / "theirs")
    await postgres.start()
    await valkey.start()
    secrets = load_secrets(tmp_path / "theirs")
    await ensure_roles(postgres.url(), secrets)
    urls = make_database_urls(postgres.url(), secrets)
    given = find_given_servers(
        {
            "REDIS_URL": valkey.url,
            "MIGRATION_DATABASE_URL": urls["acequia_owner"],
            "KEYS_DATABASE_URL": urls["acequia_keys"],
            "KEYS_MIGRATION_DATABASE_URL": urls["acequia_keys_owner"],
            "DATABASE_URL": urls["acequia_worker"],
            "SYNCER_DATABASE_URL": urls["acequia_syncer"],
            "WEB_DATABASE_URL": urls["acequia_web"],
            "OPERATOR_DATABASE_URL": urls["acequia_operator"],
        }
    )
    try:
        async with Stack(
            StackOptions(tmp_path / "ours", has_traffic=False, uses_free_ports=True, given=given)
        ) as stack:
            assert set(stack.processes) == {"receiver", "web", "worker", "syncer", "sandbox"}
            assert stack.redis_url == valkey.url
            assert len(stack.tenants) == 5
        assert postgres.is_running
        assert valkey.is_running
        connection = await asyncpg.connect(urls["postgres"])
        assert await connection.fetchval("SELECT count(*) FROM tenants") == 5
        await connection.close()
    finally:
        await postgres.stop()
        await valkey.stop()


def test_a_log_that_has_grown_begins_anew_under_the_same_open_file(tmp_path: Path) -> None:
    path = tmp_path / "worker.log"
    with path.open("ab", buffering=0) as log:
        log.write(b"old " * 10)
        trim_log(path, bytes_max=20)
        log.write(b"new")
    assert path.read_bytes() == b"new"
    assert (tmp_path / "worker.log.1").read_bytes() == b"old " * 10
