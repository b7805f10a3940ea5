"""Calls to addresses that a tenant's people have typed: none of them is to lead into our own network.

https alone, no name and password in the address, no redirect followed; every address that a name resolves to must be
the internet's, and the connection goes to the very address that was looked at: the resolver that the client connects
by is the one that refuses. ALERT_PRIVATE_TARGETS lifts it, where all tenants are the operator's own.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from app.core.errors import AcequiaError

URL_CHARACTERS_MAX = 1_000
_ANSWER_BYTES_MAX = 65_536
# Addresses of IPv4 inside IPv6: what they lead to is behind a gateway of ours.
_TRANSLATED = tuple(ipaddress.ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))


class TargetRefusedError(AcequiaError):
    """An address that messages may not go to. The message is a sentence without the address."""

    code = "target_refused"
    http_status = 422


class Reply(NamedTuple):
    """`status` 0: no answer, because of `failure`, in words without the address."""

    status: int
    failure: str | None = None

    @property
    def is_taken(self) -> bool:
        return 200 <= self.status < 300


def check_target(url: str, *, is_private_allowed: bool) -> str:
    """The host's name. Raises TargetRefusedError for what can be seen without asking for its name."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise TargetRefusedError("It is no address.") from None
    if len(url) > URL_CHARACTERS_MAX or not url.isascii() or not url.isprintable() or " " in url or not host:
        raise TargetRefusedError("It is no address of a web server.")
    if parts.scheme != "https" and not (is_private_allowed and parts.scheme == "http"):
        raise TargetRefusedError("It must begin with https://")
    if parts.username is not None or parts.password is not None:
        raise TargetRefusedError("It must hold no user and password: put a token into the path.")
    if port == 0:
        raise TargetRefusedError("It is no address of a web server.")
    if not is_private_allowed and not _is_public_host(host):
        raise TargetRefusedError("It leads into a private network.")
    return host


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet's."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return is_public(str(found.ipv4_mapped))
        if found.is_site_local or any(found in network for network in _TRANSLATED):
            return False
    return found.is_global and not found.is_multicast and not found.is_reserved and not found.is_unspecified


class TargetCaller:
    """Made once per process inside its event loop; `aclose` at the end."""

    def __init__(self, *, timeout_s: float, is_private_allowed: bool, resolver: AbstractResolver | None = None) -> None:
        """`resolver`: who is asked for names; the system if not said."""
        self._timeout_s = timeout_s
        self._is_private_allowed = is_private_allowed
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Raises TargetRefusedError; whatever else can happen is in the reply."""
        check_target(url, is_private_allowed=self._is_private_allowed)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(url, headers, body)
        except _PrivateAddressError:
            raise TargetRefusedError("It leads into a private network.") from None
        except TimeoutError:
            return Reply(0, f"no answer within {self._timeout_s:g} s")
        except aiohttp.ClientConnectorDNSError:
            return Reply(0, "its name is not known")
        except aiohttp.ClientConnectorCertificateError:
            return Reply(0, "its certificate is not valid")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Reply(0, f"no connection ({type(error).__name__})")

    async def _exchange(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        session = self._get_session()
        async with session.post(url, data=body, headers=dict(headers), allow_redirects=False) as response:
            await response.content.read(
                _ANSWER_BYTES_MAX
            )  # a little, so that the sender may end; it says nothing to us
            return Reply(response.status)

    def _get_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            asked = self._resolver or ThreadedResolver()
            resolver = asked if self._is_private_allowed else _PublicResolver(asked)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=resolver, use_dns_cache=False, force_close=True, limit=100, happy_eyeballs_delay=None
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # nothing of the answer is read: a small one must not become a large one
                trust_env=False,
            )
        return self._session


class _PrivateAddressError(Exception):
    """A name that resolves to an address of a private network."""


class _PublicResolver(AbstractResolver):
    """The client connects to what this answers, and to nothing else."""

    def __init__(self, asked: AbstractResolver) -> None:
        self._asked = asked

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._asked.resolve(host, port, family)
        if not all(is_public(one["host"]) for one in found):
            raise _PrivateAddressError
        return found

    async def close(self) -> None:
        await self._asked.close()


def _is_public_host(host: str) -> bool:
    """A name may be anything, since it is looked at again when it resolves; a literal address is never resolved."""
    host = host.rstrip(".").lower()
    if host in {"localhost", "ip6-localhost"} or host.endswith((".localhost", ".local")):
        return False
    # The system's functions read 127.1, 0x7f000001 and 2130706433 as addresses too.
    is_literal = ":" in host or all(part.isdigit() or part.startswith("0x") for part in host.split("."))
    return is_public(host) if is_literal else True
