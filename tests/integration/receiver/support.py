"""A real receiver process, the directory it reads, and callers of every kind."""

import asyncio
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import orjson
from redis.asyncio import Redis

from app.core.directory import (
    ENDPOINTS_KEY,
    GENERATION_KEY,
    VERSION_KEY,
    DirectoryEntry,
    EndpointKind,
    InlineSecrets,
    derive_directory_keys,
    encode_entry,
    seal_inline_secrets,
)
from app.core.inline import derive_public_key, make_inline_key
from app.core.queue_runner import send_command
from app.core.signatures import decode_signing_secret, make_signing_secret, sign
from app.core.tokens import hash_token, make_endpoint_token
from scripts.stack.ports import find_free_port

ENDPOINT_TOKEN_KEY = secrets.token_hex(32)
KEYS = derive_directory_keys(ENDPOINT_TOKEN_KEY)
ACME, GLOBEX = 56, 57
PING = b'{"hookConfig": "ping"}'


@dataclass
class Endpoint:
    """An endpoint in the directory and what its caller knows. `secrets`: newest first, as many as are valid."""

    kind: EndpointKind = "order_hook"
    tenant_id: int = ACME
    account: str = "acme"
    tenant_status: str = "active"
    token: str = field(default_factory=lambda: make_endpoint_token(KEYS.checksum_key))
    secrets: list[str] = field(default_factory=list)
    private_key: bytes = field(default_factory=make_inline_key)

    def __post_init__(self) -> None:
        if not self.secrets and self.kind != "customer_trigger":
            self.secrets = [make_signing_secret() if self.kind == "inline" else secrets.token_urlsafe(24)]

    @property
    def source(self) -> str:
        return "brand" if self.kind == "inline" else "vtex"

    @property
    def path(self) -> str:
        return f"/webhooks/{self.source}/{self.token}"

    def entry(self) -> DirectoryEntry:
        is_inline = self.kind == "inline"
        sealed = None
        if is_inline:
            signing_keys = tuple(decode_signing_secret(secret) for secret in self.secrets)
            inline = InlineSecrets(signing_keys, derive_public_key(self.private_key))
            sealed = seal_inline_secrets(KEYS, hash_token(self.token), inline)
        return DirectoryEntry(
            tenant_id=self.tenant_id,
            integration_id=3,
            connector=self.source,
            kind=self.kind,
            source=self.source,
            accounts=(self.account,),
            header_name="X-Acequia-Secret" if self.kind == "order_hook" else None,
            secret_hashes=() if is_inline else tuple(sha256(secret.encode()).digest() for secret in self.secrets),
            sealed_inline=sealed,
            status="active",
            tenant_status=self.tenant_status,
            priority="normal",
            group="shared",
        )

    def headers(self) -> dict[str, str]:
        return {"X-Acequia-Secret": self.secrets[0]} if self.kind == "order_hook" else {}

    def sign(self, body: bytes, *, at: float | None = None, secret: str | None = None) -> dict[str, str]:
        """The headers of a signed call."""
        timestamp = int(time.time() if at is None else at)
        key = decode_signing_secret(secret or self.secrets[0])
        return {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(key, "msg_1", timestamp, body),
        }


def make_hook(order_id: str = "1268540501456-01", account: str = "acme", **changes: Any) -> bytes:
    """VTEX's notification of an order's change."""
    document = {
        "Domain": "Marketplace",
        "OrderId": order_id,
        "State": "payment-approved",
        "LastState": "payment-pending",
        "LastChange": "2026-08-14T17:11:39.2550122Z",
        "CurrentChange": "2026-08-14T17:11:39.2550122Z",
        "Origin": {"Account": account, "Key": f"vtexappkey-{account}-ABCDEF"},
    }
    return orjson.dumps(document | changes)


async def publish(redis: Redis, *endpoints: Endpoint) -> None:
    """Replaces the directory."""
    await redis.delete(ENDPOINTS_KEY)
    for endpoint in endpoints:
        await send_command(
            redis, "HSET", ENDPOINTS_KEY, hash_token(endpoint.token).hex(), encode_entry(endpoint.entry())
        )
    await redis.mset({GENERATION_KEY: 1, VERSION_KEY: secrets.token_hex(8)})


async def read_queue(redis: Redis, tenant_id: int = ACME) -> list[tuple[str, dict[str, Any]]]:
    """Event ids and bodies waiting for a tenant, in order."""
    entries = await redis.xrange(f"t:{tenant_id}:events")
    return [(fields[b"e"].decode(), orjson.loads(fields[b"b"])) for _, fields in entries]


@dataclass
class Receiver:
    """A running receiver process."""

    process: asyncio.subprocess.Process
    port: int
    log_path: Path
    client: httpx.AsyncClient

    async def post(
        self, endpoint: Endpoint, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """A call with the endpoint's own secret."""
        content = make_hook(account=endpoint.account) if body is None else body
        return await self.client.post(endpoint.path, content=content, headers=endpoint.headers() | dict(headers or {}))

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 10)

    def read_log(self) -> str:
        return self.log_path.read_text(encoding="utf-8")

    async def count(self, result: str, tenant_id: int = ACME) -> float:
        """The calls of a tenant with this result, as /metrics tells."""
        text = (await self.client.get("/metrics")).text
        wanted = f'result="{result}",tenant_id="{tenant_id}"'
        lines = (
            line for line in text.splitlines() if line.startswith("acequia_receiver_calls_total") and wanted in line
        )
        return sum(float(line.rpartition(" ")[2]) for line in lines)


@asynccontextmanager
async def start_receiver(
    redis_url: str, folder: Path, *, module: Sequence[str] = ("-m", "app.receiver"), **settings: object
) -> AsyncIterator[Receiver]:
    """A receiver that answers, killed at the end if it still runs."""
    folder.mkdir(parents=True, exist_ok=True)
    port = find_free_port()
    log_path = folder / f"receiver-{port}.log"
    values = {
        "REDIS_URL": redis_url,
        "ENDPOINT_TOKEN_KEY": ENDPOINT_TOKEN_KEY,
        "RECEIVER_PORT": port,
        "RECEIVER_STATE_DIR": folder / "state",
        **{name.upper(): value for name, value in settings.items()},
    }
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with log_path.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *module,
            env=inherited | {name: str(value) for name, value in values.items()},
            stderr=log,
            stdout=log,
        )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            await _wait_until_it_answers(client, process, log_path)
            yield Receiver(process, port, log_path, client)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _wait_until_it_answers(
    client: httpx.AsyncClient, process: asyncio.subprocess.Process, log_path: Path
) -> None:
    for _ in range(600):
        try:
            await client.get("/healthz")
        except httpx.TransportError:
            assert process.returncode is None, f"the receiver ended: {log_path.read_text()}"
            await asyncio.sleep(0.02)
        else:
            return
    raise AssertionError("the receiver does not answer")


async def wait_until(is_true: Any, timeout_s: float = 5.0) -> None:
    """Polls an async condition: what is awaited happens in another process, which sends no event."""
    deadline = time.monotonic() + timeout_s
    while not await is_true():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)
