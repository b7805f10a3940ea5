"""What `bench bulk` is measured against, run by an environment of dlt's own: the same pages into plain tables.

`python bulk_dlt.py PAGES_URL PAGES DATABASE_URL FOLDER`. Upserts by `id`, addresses in a child table; two processes
normalise, files are CSV, which dlt copies into its staging tables. Prints seconds and rows as JSON.
"""

import json
import os
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "NORMALIZE__WORKERS": "2",
    "NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS": "20000",
    "EXTRACT__DATA_WRITER__FILE_MAX_ITEMS": "20000",
    "LOAD__WORKERS": "4",
}


def main(pages_url: str, pages: int, database_url: str, folder: str) -> None:
    os.environ.update(SETTINGS, DLT_DATA_DIR=folder, DLT_PROJECT_DIR=folder)
    import dlt  # type: ignore[import-not-found]  # noqa: PLC0415 - it reads its settings when it is imported

    def read_customers() -> Iterator[list[dict[str, Any]]]:
        for number in range(pages):
            with urllib.request.urlopen(f"{pages_url}/{number}") as answer:  # noqa: S310 - the bench's own address
                yield json.load(answer)

    customers = dlt.resource(
        read_customers,
        name="customers",
        primary_key="id",
        write_disposition={"disposition": "merge", "strategy": "upsert"},
    )
    pipeline = dlt.pipeline(
        "bench", destination=dlt.destinations.postgres(database_url), dataset_name="dlt", pipelines_dir=folder
    )
    started_at = time.perf_counter()
    pipeline.run(customers, loader_file_format=os.environ.get("BENCH_FORMAT", "csv"))
    seconds = time.perf_counter() - started_at
    with pipeline.sql_client() as client, client.execute_query("SELECT count(*) FROM customers") as cursor:
        rows = cursor.fetchone()[0]
    print(json.dumps({"seconds": seconds, "rows": rows}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:5])
