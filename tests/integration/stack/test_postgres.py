"""The embedded PostgreSQL: production's rules, survives kills, leaves nothing behind."""

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from asyncpg.exceptions import PostgresError

from scripts.stack.postgres import EmbeddedPostgres


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A server of this test's own: it may be killed."""
    server = EmbeddedPostgres(tmp_path / "data")
    (tmp_path / "data").mkdir(exist_ok=True)
    await server.start()
    yield server
    await server.stop()


async def test_what_was_committed_survives_a_kill_and_clients_find_it_at_the_same_place(
    server: EmbeddedPostgres,
) -> None:
    url, port = server.url(), server.port
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE kept AS SELECT 56 AS tenant_id")
    await server.kill()
    connection.terminate()
    assert not server.is_running
    await server.start()
    assert server.port == port
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT tenant_id FROM kept") == 56
    await connection.close()


async def test_it_writes_durably_and_trusts_nobody(postgres: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(postgres.url())
    expected = {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "max_wal_size": "1GB",
        "jit": "off",
    }
    assert {name: await connection.fetchval(f"SHOW {name}") for name in expected} == expected
    methods = {row["auth_method"] for row in await connection.fetch("SELECT auth_method FROM pg_hba_file_rules")}
    await connection.close()
    assert methods == {"scram-sha-256"}
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres.url(password="wrong"))


async def test_its_log_repeats_no_value_of_a_failed_statement(postgres: EmbeddedPostgres) -> None:
    canary = "canary-ana@example.com"
    connection = await asyncpg.connect(postgres.url())
    await connection.execute("CREATE TEMPORARY TABLE people (email text PRIMARY KEY CHECK (email <> 'x'), age integer)")
    await connection.execute("INSERT INTO people VALUES ($1, 1)", canary)
    with pytest.raises(asyncpg.UniqueViolationError, match=canary):
        await connection.execute("INSERT INTO people VALUES ($1, 1)", canary)
    with pytest.raises(asyncpg.InvalidTextRepresentationError, match=canary):
        await connection.execute(f"SELECT '{canary}'::integer")
    await connection.close()
    assert canary not in postgres.log_path.read_text(encoding="utf-8")


async def test_it_takes_the_next_port_when_its_own_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = EmbeddedPostgres(tmp_path, port=taken.getsockname()[1])
        await server.start()
        try:
            assert server.port != taken.getsockname()[1]
            await (await asyncpg.connect(server.url())).close()
        finally:
            await server.stop()


async def test_an_interrupted_initialisation_is_begun_again(tmp_path: Path) -> None:
    draft = tmp_path / "postgres.new"
    draft.mkdir()
    (draft / "PG_VERSION").write_text("18\n")
    server = EmbeddedPostgres(tmp_path)
    await server.start()
    await server.stop()
    assert not draft.exists()


async def test_a_number_that_another_program_has_now_does_not_keep_it_from_starting(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    await server.start()
    await server.kill()
    path = server.data_folder / "postmaster.pid"
    path.write_text(path.read_text().replace(str(server.child.pid if server.child else 0), str(os.getppid()), 1))
    await server.start()
    assert server.is_running
    await server.stop()


async def test_a_server_that_outlived_its_supervisor_is_ended_first(tmp_path: Path) -> None:
    old = EmbeddedPostgres(tmp_path)
    await old.start()
    new = EmbeddedPostgres(tmp_path)
    await new.start()
    assert not old.is_running
    await (await asyncpg.connect(new.url())).close()
    await new.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
async def test_as_root_it_runs_as_nobody_and_changes_nothing_outside_its_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    before = {path: path.stat() for path in (tmp_path, *tmp_path.parents, home)}
    server = EmbeddedPostgres(home / "data")
    await server.start()
    try:
        assert server.child is not None
        assert Path(f"/proc/{server.child.pid}").stat().st_uid == server.account.uid != 0
        capabilities = Path(f"/proc/{server.child.pid}/status").read_text()
        assert "CapEff:\t0000000000000004\n" in capabilities  # CAP_DAC_READ_SEARCH and no other
    finally:
        await server.stop()
    after = {path: path.stat() for path in before}
    for path, old in before.items():
        assert (old.st_mode, old.st_uid, old.st_gid) == (after[path].st_mode, after[path].st_uid, after[path].st_gid)


async def test_its_secrets_are_readable_by_their_owner_only(postgres: EmbeddedPostgres) -> None:
    assert stat.S_IMODE((postgres.folder / "passwords.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(postgres.data_folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(postgres.log_path.stat().st_mode) == 0o600
    assert not (postgres.folder / "postgres.password").exists()


async def test_it_stops_in_time_although_a_session_is_busy(server: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(server.url())
    busy = asyncio.create_task(connection.execute("SELECT pg_sleep(60)"))
    await asyncio.wait({busy}, timeout=0.2)
    async with asyncio.timeout(9):
        await server.stop()
    assert not server.is_running
    with pytest.raises((PostgresError, OSError)):
        await busy
    connection.terminate()
