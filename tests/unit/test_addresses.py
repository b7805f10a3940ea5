"""Whose address a call is counted under."""

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from app.core.addresses import coarsen_address, group_address
from app.core.serving import make_server


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix", "unix"),
        ("x" * 1_000, "x" * 64),
    ],
)
def test_a_line_is_one_caller(address: str, group: str) -> None:
    assert group_address(address) == group


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.0/24"),
        ("::ffff:203.0.113.9", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("unix", ""),
        ("", ""),
    ],
)
def test_what_is_shown_of_an_address_is_its_network(address: str, network: str) -> None:
    assert coarsen_address(address) == network


@pytest.mark.parametrize(
    ("trusted", "shown"), [("127.0.0.1", "10.0.0.7"), ("10.0.0.0/24", "203.0.113.9"), ("10.0.0.7", "203.0.113.9")]
)
async def test_a_proxy_that_is_named_says_who_calls(trusted: str, shown: str) -> None:
    async def show_client(scope: Scope, receive: Receive, send: Send) -> None:
        client = Request(scope).client
        assert client is not None
        await PlainTextResponse(client.host)(scope, receive, send)

    config = make_server(show_client, "127.0.0.1", 0, stop_timeout_s=1, forwarded_allow_ips=trusted).config
    config.load()
    transport = httpx.ASGITransport(app=config.loaded_app, client=("10.0.0.7", 50_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://acequia.test") as client:
        answer = await client.get("/", headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.9"})
    assert answer.text == shown
