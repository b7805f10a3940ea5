import asyncio
import socket
from typing import Any

import pytest

from app.connectors.vtex.host import look_up_host


async def test_an_address_of_this_machine_is_known() -> None:
    assert await look_up_host("127.0.0.1") is True


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (socket.gaierror(socket.EAI_NONAME, "unknown"), False),
        (socket.gaierror(socket.EAI_AGAIN, "no name server"), None),
        (OSError(101, "network unreachable"), None),
        (TimeoutError(), None),
    ],
)
async def test_only_a_name_that_is_surely_not_there_is_unknown(
    monkeypatch: pytest.MonkeyPatch, error: Exception, found: bool | None
) -> None:
    async def refuse(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", refuse)
    assert await look_up_host("acme.example") is found
