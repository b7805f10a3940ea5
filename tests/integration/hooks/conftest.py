"""Acme's and globex's hooks at the sandbox, which calls a real receiver, and a worker that watches and drains."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from app.services.endpoints import create_endpoint
from app.services.hook_watchdog import HookWatchdog
from scripts.stack.valkey import EmbeddedValkey
from tests.integration.receiver.support import Receiver, start_receiver
from tests.integration.sandbox.remote import KEYS
from tests.integration.workers.conftest import make_works, sandbox, sandbox_url, works
from tests.integration.workers.works import ACME, VTEX, Works
from workers.context import DrainContext

__all__ = ["make_works", "sandbox", "sandbox_url", "works"]

FOREIGN = {"url": "https://rival.example/hook?key=rivalcanary", "headers": {"X-Rival": "rivalcanary"}}
AN_HOUR = timedelta(hours=1)


class Shown(NamedTuple):
    """What people see of a hook."""

    status: str
    note: str | None
    checked_at: datetime | None


@dataclass
class Hooks:
    """`public_url`: where the sandbox and the watchdog reach the receiver."""

    works: Works
    public_url: str
    settings: dict[str, object] = field(default_factory=dict)

    def worker(self, **settings: object) -> Any:
        return self.works.worker(public_url=self.public_url, **{**self.settings, **settings})

    async def connect(self, context: DrainContext, tenant_id: int = ACME) -> None:
        """Its address, and its hook at the sandbox."""
        works, keys = self.works, await self.works.keys_of(tenant_id)
        await create_endpoint(
            works.office, works.redis, context.settings, keys,
            integration_id=VTEX, kind="order_hook", accounts=[works.accounts[tenant_id]],
        )  # fmt: skip
        assert context.hooks is not None
        await context.hooks.register(tenant_id, VTEX)  # type: ignore[attr-defined]

    async def put(self, hook: object, tenant_id: int = ACME, **fields: Any) -> None:
        """What the app key has at VTEX, whoever put it there; None: VTEX dropped it."""
        await self.works.sandbox.put_account(self.works.accounts[tenant_id], hook=hook, **fields)

    async def find(self, tenant_id: int = ACME) -> str | None:
        """The address that VTEX calls."""
        accounts = await self.works.sandbox.control("GET", "accounts")
        hook: str | None = accounts[self.works.accounts[tenant_id]]["hooks"].get(KEYS["app_key"])
        return hook

    async def show(self, tenant_id: int = ACME) -> Shown:
        return Shown(*await self.works.superuser.fetchrow(
            "SELECT hook_status, hook_note, hook_checked_at FROM tenant_integrations"
            " WHERE tenant_id = $1 AND integration_id = $2", tenant_id, VTEX,
        ))  # fmt: skip

    async def set_watch(self, tenant_id: int = ACME, **values: object) -> None:
        """Arranges what time would have brought."""
        for name, value in values.items():
            await self.works.superuser.execute(
                f"UPDATE hook_watches SET {name} = $2 WHERE tenant_id = $1", tenant_id, value
            )

    async def read_watch(self, tenant_id: int = ACME) -> dict[str, Any]:
        row = await self.works.superuser.fetchrow("SELECT * FROM hook_watches WHERE tenant_id = $1", tenant_id)
        return dict(row)

    async def read_gaps(self) -> dict[int, tuple[str, datetime, str]]:
        """Tenant → stream, since, reason."""
        rows = await self.works.superuser.fetch("SELECT tenant_id, stream, gap_since, reason FROM gaps")
        return {tenant_id: (stream, since, reason) for tenant_id, stream, since, reason in rows}

    async def make_due(self, *tenant_ids: int) -> None:
        for tenant_id in tenant_ids or (ACME,):
            await self.set_watch(tenant_id, due_at=datetime.now(UTC) - AN_HOUR)

    async def turn(self, context: DrainContext, *tenant_ids: int) -> int:
        """One turn of the watchdog, with these hooks due; how many it looked at."""
        await self.make_due(*tenant_ids)
        return await get_watchdog(context).run_turn()


def get_watchdog(context: DrainContext) -> HookWatchdog:
    assert context.watchdog is not None
    return context.watchdog


@pytest.fixture
async def receiver(works: Works, valkey: EmbeddedValkey, tmp_path: Path) -> AsyncIterator[Receiver]:
    key = works.installation.secrets["endpoint_token_key"]
    async with start_receiver(valkey.url, tmp_path / "receiver", endpoint_token_key=key) as receiver:
        yield receiver


@pytest.fixture
def hooks(works: Works, receiver: Receiver) -> Hooks:
    return Hooks(works, f"http://127.0.0.1:{receiver.port}")


@pytest.fixture
def make_hooks(works: Works) -> Callable[[str], Hooks]:
    """`make_hooks(public_url)`: behind another address."""
    return lambda public_url: Hooks(works, public_url)
