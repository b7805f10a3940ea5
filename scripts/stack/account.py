"""Under which account the embedded servers run: our own, or `nobody` when we are root (Postgres refuses root)."""

import os
import pwd
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
OTHERS_READ = 0o004
OTHERS_SEARCH = 0o001


class Account(NamedTuple):
    """`uid` −1 means: as we are."""

    uid: int
    gid: int

    def own(self, path: Path) -> None:
        """Hands a file or folder of ours to this account."""
        if self.uid >= 0:
            os.chown(path, self.uid, self.gid)


@cache
def find_server_account() -> Account:
    """`nobody` as root, else ourselves. Raises RuntimeError when root has no such account to run servers as."""
    if os.geteuid() != 0:
        return Account(-1, -1)
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise RuntimeError(
            "Postgres refuses to run as root, and this system has no account `nobody`. Run as an ordinary user."
        ) from None
    return Account(entry.pw_uid, entry.pw_gid)


def find_capability(account: Account, paths: Iterable[Path]) -> int:
    """The capability an account needs to reach `paths`, −1 for none.

    Containers often grant root DAC_OVERRIDE and not the weaker DAC_READ_SEARCH; the weakest that suffices is taken.
    """
    if account.uid < 0 or all(is_open_to_others(path) for path in paths):
        return -1
    permitted = read_permitted_capabilities()
    for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
        if permitted & (1 << capability):
            return capability
    raise RuntimeError(
        "The environment lies below a folder that only root may enter, and this root may not share it with the"
        " servers' account. Run as an ordinary user, or from a folder that everybody may enter."
    )


def is_open_to_others(path: Path) -> bool:
    resolved = path.resolve()
    wanted = OTHERS_SEARCH if resolved.is_dir() else OTHERS_READ
    if not resolved.stat().st_mode & wanted:
        return False
    return all(parent.stat().st_mode & OTHERS_SEARCH for parent in resolved.parents)


def read_permitted_capabilities() -> int:
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0
    line = next((line for line in status.splitlines() if line.startswith("CapPrm:")), "CapPrm: 0")
    return int(line.split()[1], 16)
