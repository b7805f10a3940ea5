"""Addresses of webhooks are no way into our network: whatever they are written like, resolve to, or redirect to."""

import socket
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from app.core.targets import TargetCaller, TargetRefusedError, check_target, is_public
from tests.integration.alerts.conftest import WebServer, web_server

__all__ = ["web_server"]


class FixedResolver(AbstractResolver):
    """A name server under somebody else's control: each question may be answered otherwise."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del family
        addresses = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [
            ResolveResult(hostname=host, host=one, port=port, family=socket.AF_INET, proto=0, flags=0)
            for one in addresses
        ]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
     "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1",
     "ff02::1", "fec0::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "2002:a00:1::", "2001:0:1::1",
     "nonsense"],
)  # fmt: skip
def test_no_private_address_is_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:8.8.8.8"]
)
def test_addresses_of_the_internet_are(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    ["http://example.org/x", "https://127.0.0.1/", "https://[::1]/", "https://localhost/x", "https://LOCALHOST./x",
     "https://db.localhost/", "https://printer.local/", "https://127.1/", "https://2130706433/", "https://0x7f000001/",
     "https://0x7f.0.0.1/", "https://user:secret@example.org/", "https://example.org:0/", "ftp://example.org/",
     "https://exam ple.org/", "https://example.org/\n", "https:///x", "file:///etc/passwd", "gopher://x", "",
     "https://[::ffff:10.0.0.1]/", "https://169.254.169.254/latest/meta-data/", "https://xn--/..\x00", "https://ñ.example/",
     f"https://example.org/{'x' * 1_000}", "https://example.org:99999/", "https://[", "https://[x]/",
     "https://127.0.0.1./", "https://10.1.2.3../", "https://printer.local./"],
)  # fmt: skip
def test_an_address_that_leads_inwards_is_refused_before_anybody_is_asked(url: str) -> None:
    with pytest.raises(TargetRefusedError) as refused:
        check_target(url, is_private_allowed=False)
    assert "secret" not in str(refused.value)


def test_an_ordinary_address_is_taken() -> None:
    assert check_target("https://hooks.example.org:8443/services/T0/B0?x=1", is_private_allowed=False)
    assert check_target("http://127.0.0.1:8080/", is_private_allowed=True) == "127.0.0.1"


async def call(url: str, *answers: list[str]) -> tuple[Any, FixedResolver]:
    resolver = FixedResolver(*answers)
    caller = TargetCaller(timeout_s=2, is_private_allowed=False, resolver=resolver)
    try:
        return await caller.post(url, {}, b"{}"), resolver
    finally:
        await caller.aclose()


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["169.254.169.254"], ["93.184.216.34", "10.0.0.1"], ["::1"]])
async def test_a_name_that_resolves_inwards_is_refused(web_server: WebServer, addresses: list[str]) -> None:
    port = web_server.url.rpartition(":")[2]
    with pytest.raises(TargetRefusedError):
        await call(f"https://rebound.example:{port}/", addresses)
    assert web_server.calls == []


async def test_a_name_is_resolved_once_and_the_connection_goes_there(web_server: WebServer) -> None:
    """A name server that answers otherwise the second time gains nothing: nobody asks it again."""
    port = web_server.url.rpartition(":")[2]
    reply, resolver = await call(f"https://rebound.example:{port}/", ["192.88.99.255"], ["127.0.0.1"])
    assert resolver.asked == 1
    assert (reply.status, bool(reply.failure)) == (0, True)
    assert web_server.calls == []


async def test_the_same_server_is_reached_where_private_targets_are_allowed(web_server: WebServer) -> None:
    """So that the tests above would see it."""
    resolver = FixedResolver(["127.0.0.1"])
    caller = TargetCaller(timeout_s=2, is_private_allowed=True, resolver=resolver)
    port = web_server.url.rpartition(":")[2]
    assert (await caller.post(f"http://rebound.example:{port}/x", {}, b"{}")).status == 200
    await caller.aclose()
    assert [one.path for one in web_server.calls] == ["/x"]
