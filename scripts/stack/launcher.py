"""Becomes another program that dies with its parent, as another account if asked. Run as a file, never imported.

`python -I -S launcher.py PARENT SIGNAL UID GID CAPABILITY PROGRAM ARG…` (−1: leave as it is). On Linux the kernel
sends SIGNAL when the parent dies, so that a killed supervisor leaves no orphan. With CAPABILITY the program keeps
that one capability over the change of account: the programs of an environment below a 0700 home stay readable
without a change to any file's mode.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
PR_SET_SECUREBITS = 28
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
SECBIT_NO_SETUID_FIXUP = 1 << 2
LINUX_CAPABILITY_VERSION_3 = 0x20080522
SIX_WORDS = ctypes.c_uint32 * 6


def call_prctl(option: int, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    padded = [*arguments, 0, 0, 0, 0][:4]
    if libc.prctl(option, *(ctypes.c_ulong(value) for value in padded)) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl {option}: {os.strerror(code)}")


def keep_only(capability: int) -> None:
    """Leaves exactly one capability: permitted, effective and inheritable."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0)
    bit = 1 << capability  # below 32: the first word of each set
    data = SIX_WORDS(bit, bit, bit, 0, 0, 0)
    if libc.capset(header, data) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"capset: {os.strerror(code)}")


def change_account(uid: int, gid: int, capability: int) -> None:
    # The identity changes for good: no group, no saved id stays behind.
    if capability >= 0:
        call_prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if capability >= 0:
        keep_only(capability)
        call_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)


def main(arguments: list[str]) -> None:
    parent, signal, uid, gid, capability = (int(value) for value in arguments[:5])
    if uid >= 0:
        change_account(uid, gid, capability)
    if sys.platform == "linux":
        # After the change of account: the kernel forgets this setting when the identity changes.
        call_prctl(PR_SET_PDEATHSIG, signal)
        if os.getppid() != parent:
            raise SystemExit("the parent ended before this program started")
    os.execv(arguments[5], arguments[5:])  # noqa: S606 - what this program is for


if __name__ == "__main__":
    main(sys.argv[1:])
