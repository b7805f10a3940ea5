"""Keeps the log files of a long-lived stack small: one that has grown becomes `.1`, and begins anew."""

import asyncio
import os
import shutil
from pathlib import Path

LOG_BYTES_MAX = 50_000_000
CHECK_INTERVAL_S = 30.0


async def keep_logs_small(folder: Path) -> None:
    """Runs until it is cancelled."""
    while True:
        await asyncio.sleep(CHECK_INTERVAL_S)
        for path in folder.glob("*.log"):
            trim_log(path)


def trim_log(path: Path, bytes_max: int = LOG_BYTES_MAX) -> None:
    """Copies and empties: the process goes on writing to the same open file, at its end, which is now its start."""
    if path.stat().st_size > bytes_max:
        kept = path.with_name(f"{path.name}.1")
        shutil.copyfile(path, kept)
        kept.chmod(0o600)
        os.truncate(path, 0)
