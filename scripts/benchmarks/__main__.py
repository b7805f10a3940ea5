"""`scripts/bench NAME [--json]`: runs a benchmark; its last line is JSON.

Ratios are measured in one run, round by round; absolute figures are of this machine and this moment.
"""

import argparse
import asyncio
import importlib
import sys
from typing import Any

import orjson

NAMES = {
    "receiver": "accepted calls with a durable acknowledgement, against a bare route",
    "pipeline": "events to committed rows, against one arq job and one transaction per event",
    "bulk": "customer documents from pages to sealed rows, against COPY of the same rows and against dlt",
    "upsert": "sealed rows through tenant_tx, against COPY of the same bytes",
    "tenants": "listing 1,000 tenants with 10 million customers behind them, against 100 thousand",
    "beside": "live events beside a running backfill of the same account, against live alone",
    "dashboard": "server time of the dashboard's pages over 1,000 tenants and 10 million events",
    "rls": "upserts and reads under the signed token's policy, against a policy over a plain setting",
}

TAKEN_BY = {"documents": "bulk", "events": "dashboard"}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="\n".join(f"{name:<10} {text}" for name, text in NAMES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("name", choices=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--json", action="store_true", help="only the JSON line on standard output")
    parser.add_argument("--documents", type=int, metavar="N", help="bulk: so many, in thousands; usually 100,000")
    parser.add_argument("--events", type=int, metavar="N", help="dashboard: so many; usually 10,000,000")
    options = parser.parse_args()
    sizes = {name: count for name, count in (("documents", options.documents), ("events", options.events)) if count}
    for name in sizes:
        if options.name != TAKEN_BY[name]:
            parser.error(f"only {TAKEN_BY[name]} takes --{name}")
    module = importlib.import_module(f"scripts.benchmarks.{options.name}")
    try:
        result: dict[str, Any] = asyncio.run(module.run(**sizes))
    except RuntimeError as error:
        print(f"acequia: no conclusion: {error}", file=sys.stderr)
        return 1
    if not options.json:
        for name, value in result.items():
            print(f"{name:<28} {value}")
    print(orjson.dumps(result).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
