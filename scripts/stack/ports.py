"""Free ports on the loopback address, reserved from being chosen to being used."""

import errno
import socket
import sys

LOOPBACK = "127.0.0.1"
TRIED_PORTS_MAX = 200

_reserved: dict[int, int] = {}  # port → descriptor that holds its reservation until this process ends


def is_port_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do: an address whose last connections linger may be bound again.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def find_free_port(preferred: int | None = None, taken: frozenset[int] | set[int] = frozenset()) -> int:
    """`preferred` or the next free port after it; any free one when none is preferred."""
    if preferred:
        for port in range(preferred, min(preferred + TRIED_PORTS_MAX, 65_536)):
            if port not in taken and is_port_free(port) and reserve_port(port):
                return port
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((LOOPBACK, 0))
            port = int(probe.getsockname()[1])
        if port not in taken and reserve_port(port):
            return port


def reserve_port(port: int) -> bool:
    """False when another process of ours has chosen the port and not bound it yet: a start takes a second, and two
    stacks started together would both find it free. An abstract socket is a lock that leaves no file (Linux only)."""
    if sys.platform != "linux" or port in _reserved:
        return True
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as lock:
        try:
            lock.bind(f"\0acequia-port-{port}")
        except OSError:
            return False
        _reserved[port] = lock.detach()
    return True
