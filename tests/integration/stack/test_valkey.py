"""The embedded Valkey: every confirmed write is on disk, and it leaves nothing behind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError

from scripts.stack.valkey import EmbeddedValkey


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedValkey]:
    """A server of this test's own: it may be killed."""
    server = EmbeddedValkey(tmp_path)
    await server.start()
    yield server
    await server.stop()


async def test_a_confirmed_write_survives_a_kill(server: EmbeddedValkey) -> None:
    async with Redis.from_url(server.url) as redis:
        await redis.set("accepted", "1")
        assert await redis.execute_command("WAITAOF", 1, 0, 1000) == [1, 0]
    await server.kill()
    assert not server.is_running
    url = server.url
    await server.start()
    assert server.url == url
    async with Redis.from_url(url) as redis:
        assert await redis.get("accepted") == b"1"


async def test_it_has_the_queues_settings(valkey: EmbeddedValkey) -> None:
    async with Redis.from_url(valkey.url) as redis:
        found = await redis.config_get("appendonly", "appendfsync", "maxmemory-policy", "save", "bind")
        info = await redis.info("server")
    assert found == {
        "appendonly": "yes",
        "appendfsync": "always",
        "maxmemory-policy": "noeviction",
        "save": "",
        "bind": "127.0.0.1",
    }
    assert info["valkey_version"].startswith("9.")


async def test_it_lets_nobody_in_without_its_password(valkey: EmbeddedValkey) -> None:
    async with Redis(host="127.0.0.1", port=valkey.port) as redis:
        with pytest.raises(AuthenticationError):
            await redis.ping()


async def test_a_server_that_outlived_its_supervisor_is_ended_first(tmp_path: Path) -> None:
    old = EmbeddedValkey(tmp_path)
    await old.start()
    new = EmbeddedValkey(tmp_path)
    await new.start()
    assert not old.is_running
    assert new.is_running
    await new.stop()


async def test_a_protection_can_be_switched_off_for_a_test(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path, settings={"appendonly": "no"})
    await server.start()
    async with Redis.from_url(server.url) as redis:
        assert await redis.config_get("appendonly") == {"appendonly": "no"}
    await server.stop()


async def test_a_setting_it_does_not_know_is_told_at_once(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path, settings={"appendonlyy": "yes"})
    with pytest.raises(RuntimeError, match="appendonlyy"):
        await server.start()
