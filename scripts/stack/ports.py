"""Free ports on the loopback address."""

import errno
import socket

LOOPBACK = "127.0.0.1"
TRIED_PORTS_MAX = 200


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
            if port not in taken and is_port_free(port):
                return port
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((LOOPBACK, 0))
            port = int(probe.getsockname()[1])
        if port not in taken:
            return port
