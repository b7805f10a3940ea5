"""The search itself: what is planted is found, in every form and packing, in files that the real servers wrote."""

import base64
import gzip
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis

from scripts.stack.postgres import EmbeddedPostgres
from scripts.stack.valkey import EmbeddedValkey
from tests.acceptance.traces.canaries import Canaries, make_canaries, make_needles
from tests.acceptance.traces.search import Search

EVERYTHING = set(Canaries._fields) - {"spoken_phone"}
FILLER = "tomate albahaca oliva " * 400


@pytest.fixture
def canaries() -> Canaries:
    return make_canaries("Aq7-" * 16)


@pytest.fixture
def search(canaries: Canaries) -> Search:
    return Search(make_needles(canaries))


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "as it is": str.encode,
    "upper case": lambda text: text.upper().encode(),
    "utf-16": lambda text: text.encode("utf-16"),
    "hex": lambda text: text.encode().hex().upper().encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64 behind one byte": lambda text: base64.b64encode(b"x" + text.encode()),
    "base64 behind two bytes": lambda text: base64.urlsafe_b64encode(b"xy" + text.encode()),
    "json escapes": lambda text: "".join(f"\\u{ord(c):04X}" for c in text).encode(),
    "url encoded": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()).encode(),
    "zlib": lambda text: b"before" + zlib.compress(text.encode()) + b"behind",
    "gzip": lambda text: b"before" + gzip.compress(text.encode()),
    "raw deflate after gzip in base64": lambda text: gzip.compress(base64.b64encode(text.encode())),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_canary_is_found_in_every_encoding(canaries: Canaries, search: Search, encoding: str) -> None:
    for text in canaries:
        search.look_at("here", b"\x00\xff some noise " + ENCODINGS[encoding](text) + b" more noise")
    assert search.list_canaries() == EVERYTHING


def test_a_phone_kept_as_a_number_is_found(canaries: Canaries, search: Search) -> None:
    search.look_at("here", b"\xf4" + int(canaries.phone[1:]).to_bytes(8, "little"))
    assert search.list_canaries() == {"phone"}


def test_other_peoples_data_is_not_found(canaries: Canaries, search: Search) -> None:
    del canaries
    for text in make_canaries("Bz9_" * 16):
        for encode in ENCODINGS.values():
            search.look_at("here", encode(text))
    assert search.findings == set()


@pytest.fixture
async def own_postgres(tmp_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A server whose files hold only what the test wrote."""
    server = EmbeddedPostgres(tmp_path / "postgres")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def own_valkey(tmp_path: Path) -> AsyncIterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path / "valkey")
    await server.start()
    yield server
    await server.stop()


async def test_what_postgres_packs_in_rows_in_toast_and_in_its_log_is_found(
    canaries: Canaries, search: Search, own_postgres: EmbeddedPostgres
) -> None:
    """The canary stands behind text that it can be written as copies of, so that none of it is readable on disk."""
    server = own_postgres
    connection = await asyncpg.connect(server.url())
    for statement in ("ALTER SYSTEM SET wal_compression = pglz", "ALTER SYSTEM SET autovacuum = off"):
        await connection.execute(statement)
    await connection.execute("SELECT pg_reload_conf()")
    await connection.execute("CREATE TABLE packed (value text COMPRESSION pglz); CREATE TABLE plain (value text)")
    mixed = scramble(canaries.email)
    await connection.execute("INSERT INTO packed VALUES ($1)", FILLER + mixed)  # in line
    await connection.execute("INSERT INTO packed VALUES ($1)", FILLER * 20 + scramble(canaries.document) * 2)
    await connection.execute("DELETE FROM packed")
    await connection.execute("INSERT INTO plain SELECT repeat('x', 20) || g FROM generate_series(1, 50) AS g")
    await connection.execute("CHECKPOINT")
    await connection.execute("INSERT INTO plain VALUES ($1)", canaries.street)
    await connection.execute("CHECKPOINT")
    await connection.execute("UPDATE plain SET value = value || 'y' WHERE value LIKE 'Calle%'")  # its page's image
    toast = await connection.fetchval(
        "SELECT pg_relation_filepath(reltoastrelid) FROM pg_class WHERE relname = 'packed'"
    )
    await connection.close()
    await server.stop()
    search.look_at_postgres(server.data_folder, [toast])
    assert search.unpacked["pglz"] > 100  # the catalogs' own
    assert search.unpacked["image"] > 0
    assert search.unpacked["toast"] > 0
    forms = {(finding.canary, finding.form) for finding in search.findings}
    assert {("email", "pglz: raw"), ("document", "toast: raw"), ("street", "image: raw")} <= forms


async def test_what_valkey_packs_in_its_snapshot_is_found(
    canaries: Canaries, search: Search, own_valkey: EmbeddedValkey
) -> None:
    server = own_valkey
    client = Redis.from_url(server.url)
    await client.set("packed", FILLER + scramble(canaries.email))
    await client.xadd("stream", {"b": FILLER + scramble(canaries.document), "phone": canaries.phone[1:]})
    await client.bgrewriteaof()
    while (await client.info("persistence"))["aof_rewrite_in_progress"]:
        pass
    await client.aclose()
    await server.stop()
    search.look_at_valkey(server.data_folder)
    assert search.unpacked["lzf"] >= 2
    assert search.list_canaries() == {"email", "document", "phone"}


def scramble(text: str) -> str:
    """The text behind its own halves, so that a packer writes it as copies and not as letters."""
    middle = len(text) // 2
    return f"{text[:middle]}#{text[middle:]}#{text}"
