"""Migrations, roles and the ledger's days."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.core.errors import ConfigurationError
from db import migrate as migrations
from db.ledger import keep_event_partitions
from db.migrate import find_pending, install_token_key, migrate, remove_token_keys_but
from db.pool import Database
from db.roles import LOGIN_ROLES, ensure_roles, make_scram_verifier
from db.token import TokenKey


async def test_migrating_twice_changes_nothing(installation: Any, superuser: Any) -> None:
    assert await migrate(installation.database_urls["acequia_owner"]) == []
    assert await find_pending(superuser) == []


async def test_a_changed_migration_is_refused(
    installation: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    for path in (Path(migrations.__file__).parent / "migrations").glob("*.sql"):
        (folder / path.name).write_text(path.read_text() + ("-- edited\n" if path.name.startswith("0003") else ""))
    monkeypatch.setattr(migrations, "_FOLDER", tmp_path)
    with pytest.raises(ConfigurationError, match="0003_records was applied in another form"):
        await migrate(installation.database_urls["acequia_owner"])


async def test_a_migration_that_fails_leaves_nothing(
    installation: Any, superuser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "9999_bad.sql").write_text("CREATE TABLE half (x integer); SELECT 1 / 0;")
    monkeypatch.setattr(migrations, "_FOLDER", tmp_path)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(installation.database_urls["acequia_owner"])
    assert await superuser.fetchval("SELECT to_regclass('public.half')") is None
    assert await find_pending(superuser) == ["9999_bad"]


async def test_making_the_roles_again_changes_only_passwords(postgres: Any, installation: Any) -> None:
    passwords = {role: installation.secrets[role] for role in LOGIN_ROLES}
    await ensure_roles(postgres.url(), passwords)
    connection = await asyncpg.connect(installation.database_urls["acequia_worker"])
    await connection.close()
    with pytest.raises(ConfigurationError, match="No password given for acequia_web"):
        await ensure_roles(postgres.url(), passwords | {"acequia_web": ""})


def test_a_password_is_stored_as_a_verifier_only() -> None:
    assert make_scram_verifier("secret").startswith("SCRAM-SHA-256$4096:")
    assert make_scram_verifier("secret") != make_scram_verifier("secret")
    with pytest.raises(ConfigurationError):
        make_scram_verifier("contraseña")


async def test_a_token_key_is_rotated_without_a_pause(
    installation: Any, make_settings: Any, database: Database
) -> None:
    owner_url = installation.database_urls["acequia_owner"]
    await install_token_key(owner_url, "k2", b"y" * 32)
    new = await Database.open(make_settings(tenant_token_key="k2:" + b"y".hex() * 32), application_name="test")
    for both in (database, new):
        async with both.tenant_tx(56, "test") as connection:
            assert await connection.fetchval("SELECT security.current_tenant_id()") == 56
    assert await remove_token_keys_but(owner_url, [TokenKey("k2", b"y" * 32)]) == ["k1"]
    async with new.tenant_tx(56, "test") as connection:
        assert await connection.fetchval("SELECT security.current_tenant_id()") == 56
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.tenant_tx(56, "test") as connection:
            await connection.fetchval("SELECT security.current_tenant_id()")
    await new.close()


async def test_days_come_and_go_and_the_worker_needs_no_right_for_it(database: Database, superuser: Any) -> None:
    today = datetime.now(UTC).date()
    old = today - timedelta(days=40)
    await superuser.execute(
        f"CREATE TABLE events_{old:%Y%m%d} PARTITION OF events FOR VALUES FROM ('{old}') TO ('{old + timedelta(1)}');"
        f"ALTER TABLE events_{old:%Y%m%d} OWNER TO acequia_ledger"
    )
    assert await keep_event_partitions(database, 8, 30) == [
        f"created events_{today + timedelta(8):%Y%m%d}",
        f"dropped events_{old:%Y%m%d}",
    ]
    assert await keep_event_partitions(database, 8, 30) == []
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await keep_event_partitions(database, 8, 1)


async def test_a_day_that_lies_in_the_default_partition_stops_no_other(database: Database, superuser: Any) -> None:
    day = datetime.now(UTC).date() + timedelta(days=9)
    await superuser.execute(
        "INSERT INTO events VALUES (56, $1, gen_random_uuid(), 1, 1, 1, 'order', 'o', NULL, 'applied')", day
    )
    done = await keep_event_partitions(database, 10, 30)
    assert done == [f"created events_{day + timedelta(offset):%Y%m%d}" for offset in (-1, 1)]
