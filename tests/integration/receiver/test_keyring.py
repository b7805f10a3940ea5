"""The keyring over a real keys database: made once, rotated, destroyed, wrapped again."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from app.core.errors import KeyDestroyedError, KeystoreUnavailableError, SealingError
from app.core.keystore import FileKeystore
from app.services.keyring import Keyring
from tests.integration.receiver.support import ACME, GLOBEX

if TYPE_CHECKING:
    from scripts.stack.installation import Installation


@pytest.fixture
async def pool(installation: "Installation") -> Any:
    pool = await asyncpg.create_pool(installation.database_urls["acequia_keys"], min_size=0, max_size=4)
    yield pool
    await pool.close()


@pytest.fixture
def keystore(tmp_path: Path) -> FileKeystore:
    return FileKeystore.create(f"file:{tmp_path}/keystore.json")


async def test_keys_are_made_once_and_are_the_same_in_every_process(pool: Any, keystore: FileKeystore) -> None:
    first, second = Keyring(pool, keystore, ttl_s=300), Keyring(pool, keystore, ttl_s=300)
    made = await asyncio.gather(*(keyring.create_tenant_keys(ACME) for keyring in (first, second, first)))
    assert len({keys.public_key for keys in made}) == 1
    blob = made[0].seal("customer.v1", "k", b"Ana")
    assert (await second.keys_of(ACME)).open("customer.v1", "k", blob) == b"Ana"
    globex = await first.create_tenant_keys(GLOBEX)
    with pytest.raises(SealingError):
        globex.open("customer.v1", "k", blob)


async def test_a_tenant_without_keys_is_a_failure_of_the_surroundings(pool: Any, keystore: FileKeystore) -> None:
    keyring = Keyring(pool, keystore, ttl_s=300)
    with pytest.raises(KeystoreUnavailableError):
        await keyring.keys_of(ACME)
    await keyring.create_tenant_keys(ACME)
    assert (await keyring.keys_of(ACME)).tenant_id == ACME


async def test_rotation_seals_with_a_new_key_and_opens_with_the_old(pool: Any, keystore: FileKeystore) -> None:
    keyring = Keyring(pool, keystore, ttl_s=300)
    before = await keyring.create_tenant_keys(ACME)
    blob, index = before.seal("order.v1", "k", b"x"), before.blind_index("email", "ana@example.com")
    rotated = await keyring.rotate(ACME, "seal")
    assert (rotated.seal_version, rotated.index_version) == (2, 1)
    assert rotated.open("order.v1", "k", blob) == b"x"
    assert rotated.content_hash(b"x") == before.content_hash(b"x")
    again = await keyring.rotate(ACME, "index")
    assert again.index_version == 2
    assert again.blind_index("email", "ana@example.com") != index
    assert again.blind_index("email", "ana@example.com", version=1) == index
    with pytest.raises(ValueError, match="never rotated"):
        await keyring.rotate(ACME, "hash")


async def test_two_rotations_at_once_make_two_versions(pool: Any, keystore: FileKeystore) -> None:
    keyring = Keyring(pool, keystore, ttl_s=300)
    await keyring.create_tenant_keys(ACME)
    await asyncio.gather(*(keyring.rotate(ACME, "seal") for _ in range(4)))
    assert (await keyring.keys_of(ACME)).seal_version == 5


async def test_destroyed_keys_open_nothing_ever_again(pool: Any, keystore: FileKeystore, superuser: Any) -> None:
    keyring, other_process = Keyring(pool, keystore, ttl_s=300), Keyring(pool, keystore, ttl_s=0)
    await keyring.create_tenant_keys(ACME)
    await keyring.create_tenant_keys(GLOBEX)
    await keyring.destroy(ACME)
    for process in (keyring, other_process):
        with pytest.raises(KeyDestroyedError):
            await process.keys_of(ACME)
        with pytest.raises(KeyDestroyedError):
            await process.create_tenant_keys(ACME)
    assert (await keyring.keys_of(GLOBEX)).tenant_id == GLOBEX
    assert await pool.fetchval("SELECT count(*) FROM data_keys WHERE tenant_id = $1 AND wrapped IS NOT NULL", ACME) == 0


async def test_a_wrapped_key_moved_to_another_tenant_does_not_open(pool: Any, keystore: FileKeystore) -> None:
    keyring = Keyring(pool, keystore, ttl_s=300)
    await keyring.create_tenant_keys(ACME)
    await pool.execute(
        "INSERT INTO data_keys (tenant_id, purpose, version, kek_id, wrapped, public_key)"
        " SELECT $1, purpose, version, kek_id, wrapped, public_key FROM data_keys",
        GLOBEX,
    )
    with pytest.raises(SealingError):
        await keyring.keys_of(GLOBEX)


async def test_a_new_key_encryption_key_wraps_all_keys_again(pool: Any, keystore: FileKeystore) -> None:
    keyring = Keyring(pool, keystore, ttl_s=0)
    blob = (await keyring.create_tenant_keys(ACME)).seal("order.v1", "k", b"x")
    new_id = keystore.add_key()
    assert await keyring.rewrap() == 4
    assert await keyring.rewrap() == 0
    assert {row["kek_id"] for row in await pool.fetch("SELECT kek_id FROM data_keys")} == {new_id}
    assert (await keyring.keys_of(ACME)).open("order.v1", "k", blob) == b"x"


async def test_cached_keys_work_while_the_keys_database_is_away(pool: Any, keystore: FileKeystore) -> None:
    keyring = Keyring(pool, keystore, ttl_s=300)
    await keyring.create_tenant_keys(ACME)
    assert await keyring.find_problem() is None
    await pool.close()
    assert (await keyring.keys_of(ACME)).tenant_id == ACME
    with pytest.raises(KeystoreUnavailableError):
        await keyring.keys_of(GLOBEX)
    assert await keyring.find_problem() is not None


async def test_the_role_of_the_processes_cannot_delete_keys(pool: Any, keystore: FileKeystore) -> None:
    await Keyring(pool, keystore, ttl_s=300).create_tenant_keys(ACME)
    for statement in ("DELETE FROM data_keys", "TRUNCATE data_keys", "DROP TABLE data_keys"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(statement)
