"""Whether a VTEX account has a host at all: what tells a wrong account name from a provider that is down."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

LookUp = Callable[[str], Awaitable[bool | None]]

LOOK_UP_TIMEOUT_S = 3.0
_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


async def look_up_host(host: str) -> bool | None:
    """Whether the name resolves; None when nobody could say."""
    try:
        async with asyncio.timeout(LOOK_UP_TIMEOUT_S):
            await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return False if error.errno in _NO_SUCH_NAME else None
    except (TimeoutError, OSError):
        return None
    return True


async def is_known_host(host: str, reference_host: str, look_up: LookUp) -> bool | None:
    """Whether the account's host is known; None when it cannot be told.

    Where names are not resolved at all (a proxy does it, or the way out is closed) every name looks unknown. So a no
    counts only when VTEX's own `reference_host` is found at the same time.
    """
    is_known, is_reference_known = await asyncio.gather(look_up(host), look_up(reference_host))
    if is_known is False and is_reference_known is not True:
        return None
    return is_known
