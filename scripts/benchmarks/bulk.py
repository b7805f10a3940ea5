"""Customer documents from pages to sealed rows, against COPY of the same sealed rows, and against dlt.

A process loads pages of 1,000 documents over HTTP in rounds of 20,000: read, mapped, hashed, indexed, sealed, upserted
through `tenant_tx` under forced row security, counted. After each round plain COPY puts the rows of that round, read
back beforehand and in batches of the same size, into copies of both tables with the same indexes, as their owner and
without row security: the tables of both sides grow alike. In the end dlt, in an environment made for the run, loads at
most 100,000 of the same documents unencrypted into tables of its own on the same server, all at once.

Peak memory is the loading process's: after the first 100,000 documents and at the end.
"""

import asyncio
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import orjson

from app.services.keyring import open_keyring
from db.identities import unpack_identities
from scripts.benchmarks.bulk_load import TENANT
from scripts.benchmarks.bulk_pages import PAGE_DOCUMENTS, run_module, write_pages
from scripts.benchmarks.figures import pair_ratios, spread, summarise
from scripts.benchmarks.installed import open_installation
from scripts.stack.installation import OWNER, Installation, find_inherited, read_settings_of
from scripts.stack.postgres import SUPERUSER

DOCUMENTS = 100_000
ROUND_PAGES = 20
FLAT_FROM = 100_000  # documents
DLT_PAGES_MAX = 100
DLT = "dlt[postgres]==1.31.0"
COPIES = ("customers", "customer_identities")
_DLT_SCRIPT = Path(__file__).with_name("bulk_dlt.py")


class Bench(NamedTuple):
    installation: Installation
    pages_url: str
    superuser: asyncpg.Connection
    loader: asyncio.subprocess.Process

    async def load(self, first: int, end: int) -> dict[str, float]:
        """Seconds, and the loader's peak memory so far."""
        stdin, stdout = self.loader.stdin, self.loader.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{first} {end}\n".encode())
        line = await stdout.readline()
        if not line:
            raise RuntimeError("The loading process ended before its time: see above.")
        result: dict[str, float] = orjson.loads(line)
        return result


async def measure_copy(bench: Bench, since: datetime) -> float:
    """Seconds of COPY alone, for the rows written after `since`, in their order."""
    rows = await bench.superuser.fetch("SELECT * FROM customers WHERE created_at > $1 ORDER BY created_at, ctid", since)
    seconds = 0.0
    for at in range(0, len(rows), PAGE_DOCUMENTS):
        customers = [tuple(row) for row in rows[at : at + PAGE_DOCUMENTS]]
        identities = [line for row in rows[at : at + PAGE_DOCUMENTS] for line in _list_identities(row)]
        started_at = time.perf_counter()
        async with bench.superuser.transaction():
            await bench.superuser.copy_records_to_table("customers_copy", records=customers)
            await bench.superuser.copy_records_to_table("customer_identities_copy", records=identities)
        seconds += time.perf_counter() - started_at
    return seconds


def _list_identities(row: Any) -> list[tuple[Any, ...]]:
    key = (row["source"], row["account"], row["external_id"])
    return [(TENANT, *identity, *key) for identity in unpack_identities(row["identities"])]


async def measure_dlt(bench: Bench, folder: Path, pages: int) -> dict[str, float]:
    """Seconds and rows of one run, without the start of its Python."""
    python = folder / "environment" / "bin" / "python"
    await _run(sys.executable, "-m", "venv", folder / "environment")
    await _run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", DLT)
    database_url = bench.installation.database_urls[SUPERUSER]
    output = await _run(python, _DLT_SCRIPT, bench.pages_url, pages, database_url, folder / "dlt")
    result: dict[str, float] = orjson.loads(output.splitlines()[-1])
    return result


async def _run(*command: object) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdout=asyncio.subprocess.PIPE, env=find_inherited()
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{command[0]} {command[1]} failed: see above.")
    return output


async def run(documents: int = DOCUMENTS) -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="acequia-bulk-") as name:
        folder = Path(name)
        (folder / "pages").mkdir()
        await write_pages(folder / "pages", documents)
        print(f"{documents:,} documents are ready", file=sys.stderr)
        async with (
            open_installation() as installation,
            run_module("scripts.benchmarks.bulk_pages", folder / "pages") as pages_url,
        ):
            return await _measure(installation, pages_url, folder, documents)


async def _measure(installation: Installation, pages_url: str, folder: Path, documents: int) -> dict[str, object]:
    environment = installation.environment("syncer")
    keyring = await open_keyring(read_settings_of(environment))
    await keyring.create_tenant_keys(TENANT)
    await keyring.close()
    owner = await asyncpg.connect(installation.database_urls[OWNER])
    for table in COPIES:
        await owner.execute(f"CREATE TABLE {table}_copy (LIKE {table} INCLUDING ALL)")
    await owner.close()
    loader = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scripts.benchmarks.bulk_load", pages_url, env=environment,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    superuser = await asyncpg.connect(installation.database_urls[SUPERUSER])
    bench = Bench(installation, pages_url, superuser, loader)
    try:
        figures = await _measure_rounds(bench, documents)
        dlt = await measure_dlt(bench, folder, min(DLT_PAGES_MAX, documents // PAGE_DOCUMENTS))
    finally:
        loader.terminate()
        await loader.wait()
        await superuser.close()
    dlt_per_s = dlt["rows"] / dlt["seconds"]
    print(f"dlt {dlt_per_s:,.0f}/s", file=sys.stderr)
    ratios = pair_ratios(figures["rows"], figures["copy"])
    peaks = figures["peak_rss_mb"]
    flat_from = min(len(peaks), FLAT_FROM // (ROUND_PAGES * PAGE_DOCUMENTS)) - 1
    return {
        "rows_per_s": summarise(figures["rows"]),
        "copy_per_s": summarise(figures["copy"]),
        "dlt_per_s": round(dlt_per_s),
        "ratio_copy": summarise(ratios, 2),
        "ratio_copy_spread": spread(ratios),
        "ratio_dlt": round(summarise(figures["rows"]) / dlt_per_s, 2),
        "peak_rss_mb": round(peaks[-1]),
        "peak_rss_mb_at_100k": round(peaks[flat_from]),
        "documents": documents,
    }


async def _measure_rounds(bench: Bench, documents: int) -> dict[str, list[float]]:
    figures: dict[str, list[float]] = {"rows": [], "copy": [], "peak_rss_mb": []}
    pages = documents // PAGE_DOCUMENTS
    for first in range(0, pages, ROUND_PAGES):
        end = min(pages, first + ROUND_PAGES)
        rows = (end - first) * PAGE_DOCUMENTS
        await bench.superuser.execute("CHECKPOINT")
        since = await bench.superuser.fetchval("SELECT clock_timestamp()")
        loaded = await bench.load(first, end)
        await bench.superuser.execute("CHECKPOINT")
        found = {
            "rows": rows / loaded["seconds"],
            "copy": rows / await measure_copy(bench, since),
            "peak_rss_mb": loaded["peak_rss_mb"],
        }
        print(", ".join(f"{name} {value:,.0f}" for name, value in found.items()), file=sys.stderr)
        for name, value in found.items():
            figures[name].append(value)
    return figures
