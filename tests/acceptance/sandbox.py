"""The sandbox's remote control as the tests use it: counted runs, who was accepted, what is true."""

from collections.abc import Mapping
from typing import Any

import httpx

from scripts.smoke import read_accepted
from scripts.stack.demo import check
from scripts.stack.demo_tenants import BRANDS
from scripts.stack.stack import Stack

TIMEOUT_S = 90.0
WAIT_S = 2
TRUTH_MAX = 100_000
# As VTEX does it, but sooner: a hook that nobody took is over after some 30 s, and the test with it.
RETRIES = {"tries_max": 10, "base_s": 0.25, "wait_max_s": 4.0}
MIX = {"orders": 0.5, "customers": 0.25, "inline_customers": 0.25, "deletions": 0.1}


def open_sandbox(stack: Stack) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=stack.sandbox_url, timeout=TIMEOUT_S, trust_env=False)


async def put_accounts(stack: Stack, accounts: Mapping[str, Mapping[str, Any]]) -> None:
    async with open_sandbox(stack) as sandbox:
        check(await sandbox.put("/_sandbox/accounts", json=accounts))


class Traffic:
    """A counted run. `figures` are the last read; `accepted`: account → event ids, when it is over."""

    def __init__(self, sandbox: httpx.AsyncClient, figures: dict[str, Any]) -> None:
        self.sandbox = sandbox
        self.figures = figures

    @classmethod
    async def start(cls, sandbox: httpx.AsyncClient, *, events: int, rate: float, **more: object) -> "Traffic":
        body = {"events": events, "rate": rate, "mix": MIX, "retries": RETRIES, **more}
        answer = await sandbox.post("/_sandbox/traffic", json=body)
        return cls(sandbox, answer.raise_for_status().json())

    @property
    def run_id(self) -> str:
        return str(self.figures["id"])

    @property
    def is_sending(self) -> bool:
        """Whether new notices still leave; those that were refused are repeated for longer."""
        return self.figures["sending_s"] is None

    @property
    def calls_without_200(self) -> int:
        """Each of them may have left an event behind whose acknowledgement was lost."""
        return sum(self.figures["refusals"].values())

    async def refresh(self) -> None:
        answer = await self.sandbox.get(f"/_sandbox/traffic/{self.run_id}")
        self.figures = answer.raise_for_status().json()

    async def wait(self) -> dict[str, set[str]]:
        """Until every delivery has ended: account → ids of the accepted events."""
        while not self.figures["done"]:
            answer = await self.sandbox.get(f"/_sandbox/traffic/{self.run_id}", params={"wait_s": WAIT_S})
            self.figures = answer.raise_for_status().json()
        assert self.figures["error"] is None, self.figures["error"]
        return await read_accepted(self.sandbox, self.run_id)

    async def list_objects(self) -> dict[str, bool]:
        """Every order and customer that a store has ever had → whether it is deleted now."""
        found: dict[str, bool] = {}
        for account in (brand.account for brand in BRANDS):
            for kind in ("order", "customer"):
                query: dict[str, str | int] = {"account": account, "kind": kind, "limit": TRUTH_MAX}
                answer = await self.sandbox.get("/_sandbox/expected", params=query)
                found |= {truth["external_id"]: truth["deleted"] for truth in answer.raise_for_status().json()}
        return found
