"""A whole stack for one test: real servers and processes on free ports, some of them with a protection taken out."""

import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from scripts.stack.demo_tenants import BRANDS
from scripts.stack.part import OurProcess
from scripts.stack.ports import find_free_port
from scripts.stack.procfile import read_procfile
from scripts.stack.stack import Stack, StackOptions
from tests.acceptance.sandbox import put_accounts
from tests.acceptance.telling import tell

# Nobody but a test may run without a protection: the product has no switch, the process's command is another one.
SABOTAGE = ("-m", "tests.acceptance.sabotage")


@asynccontextmanager
async def start_stack(
    folder: Path,
    *,
    sabotage: Mapping[str, str] | None = None,
    counts: Mapping[str, int] | None = None,
    provider_latency_ms: float = 100,
    has_demo: bool = True,
    settings: Mapping[str, object] | None = None,
) -> AsyncIterator[Stack]:
    """`sabotage`: process name → protection to take out (sabotage.py). `counts`: processes per name, else one.
    `settings`: of all processes, by lower-case name.

    Whatever happens everything is stopped by its pid. The data goes when the test has passed; when it has not, it
    stays, with the logs.
    """
    commands = read_procfile()
    for name, protection in (sabotage or {}).items():
        commands[name] = make_sabotaged(protection)
    options = StackOptions(
        folder=folder / "data",
        has_demo=has_demo,
        has_traffic=False,
        uses_free_ports=True,
        sandbox_arguments=("--latency-ms", str(provider_latency_ms)),
        settings=settings or {},
        counts=counts or {},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scripts.stack.stack.read_procfile", lambda: commands)
        async with Stack(options, tell) as stack:
            yield stack
    shutil.rmtree(folder / "data")


def make_sabotaged(protection: str) -> list[str]:
    return [sys.executable, *SABOTAGE, protection]


async def use_both_receivers(stack: Stack) -> None:
    """Every second brand calls the second receiver: no proxy stands before them here."""
    parts = stack.supervisor.parts("receiver")
    first, second = (f"127.0.0.1:{part.port}" for part in parts if isinstance(part, OurProcess))
    tenants = {tenant["tenant_id"]: tenant["endpoints"] for tenant in stack.tenants}
    accounts = {}
    for brand in BRANDS[::2]:
        found = {endpoint["kind"]: endpoint for endpoint in tenants[brand.tenant_id]}
        urls = {kind: endpoint["url"].replace(first, second) for kind, endpoint in found.items()}
        hook = found["order_hook"]
        accounts[brand.account] = {
            "app_key": "vtexappkey-second-receiver",  # only says whose hook it is
            "app_token": "of-no-use",
            "hook": {"url": urls["order_hook"], "headers": {hook["header_name"]: hook["secret"]}},
            "trigger_url": urls["customer_trigger"],
            "inline": {"url": urls["inline"], "secret": found["inline"]["secret"]},
        }
    await put_accounts(stack, accounts)


async def exchange(stack: Stack, name: str, command: Sequence[str], **settings: object) -> None:
    """Stops every process of this name and starts one with another command and further settings."""
    await stack.supervisor.stop([name])
    further = {key.upper(): str(value) for key, value in settings.items()}
    process = OurProcess(
        name,
        lambda _: command,
        lambda port: stack.environment(name, port) | further,
        port=find_free_port(),
        log_path=stack.path / "logs" / f"{name}.log",
    )
    await stack.supervisor.start(name, process)
