"""`scripts/down [--data DIR]`: stops what `scripts/up` started there, and waits until it has."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from scripts.stack.folder import DataFolder
from scripts.stack.procfile import ROOT

STOP_TIMEOUT_S = 15.0


async def stop_stack(folder: DataFolder) -> int:
    """The exit code: 0 also when nothing was running, for then nothing is."""
    holder = folder.find_holder()
    if holder is None:
        print(f"Nothing is running on {folder.path}.")
        return 0
    try:
        os.kill(holder, signal.SIGTERM)
    except PermissionError:
        print(f"Process {holder} belongs to somebody else: stop it as the user that started it.", file=sys.stderr)
        return 1
    if await folder.wait_released(STOP_TIMEOUT_S):
        print(f"Stopped. The data stays in {folder.path}.")
        return 0
    print(f"Process {holder} has not ended within {STOP_TIMEOUT_S:g} s. End it with: kill -9 {holder}", file=sys.stderr)
    return 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/down", description="Stops what scripts/up started.")
    parser.add_argument("--data", type=Path, default=ROOT / ".data", metavar="DIR", help="as given to scripts/up")
    return asyncio.run(stop_stack(DataFolder(parser.parse_args().data)))


if __name__ == "__main__":
    sys.exit(main())
