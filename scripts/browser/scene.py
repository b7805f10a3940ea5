"""What there is to see in a demo: a stack in which something has gone right, wrong and astray at each of the brands.

56 Chelsea: events of every outcome, dead letters of two causes, refused calls. 57 MundoJuguete: a run that goes on, an
unmappable order. 58 Seven Sport: paused, with events that wait. 59 Test Brand: its store took the credentials back.
60 Demo Account: a trial over its limit of customers.
"""

import asyncio
from contextlib import AsyncExitStack
from typing import Any, NamedTuple, Self

import httpx

from scripts.stack.demo import check
from scripts.stack.runfile import RunFile

CALL_TIMEOUT_S = 90.0
SETTLE_TIMEOUT_S = 60.0
POLL_S = 0.2
MIX = {"orders": 0.6, "customers": 0.25, "inline_customers": 0.15, "duplicates": 0.15, "deletions": 0.05}
UNMAPPABLE = {"items": [{"id": "1", "quantity": 1, "price": 10.5}]}
MAPPABLE = {"items": [{"id": "1", "quantity": 1, "price": 1_050}]}
# So that what fails for good has failed when somebody looks, and the first run of a big store still goes on.
SETTINGS: dict[str, object] = {
    "tries_max": 2,
    "retry_base_s": 0.3,
    "sync_poll_s": 0.2,
    "api_rate_caller_per_s": 10_000,
    "vtex_index_lag_s": 0.0,
    "watch_interval_s": 2,
    "postpone_s": 2.0,
    "backup_max_age_h": 26,  # nobody has made any: the platform has an alert
}


class Remote(NamedTuple):
    """What plays the providers, and the API as the platform's admin."""

    run: RunFile
    sandbox: httpx.AsyncClient
    api: httpx.AsyncClient

    @classmethod
    async def open(cls, run: RunFile, resources: AsyncExitStack) -> Self:
        sandbox = httpx.AsyncClient(base_url=run["sandbox_url"], timeout=CALL_TIMEOUT_S, trust_env=False)
        api = httpx.AsyncClient(
            base_url=f"{run['web_url']}/api/v2", timeout=CALL_TIMEOUT_S, trust_env=False,
            headers={"Authorization": f"Bearer {run['api_key']}"},
        )  # fmt: skip
        return cls(run, await resources.enter_async_context(sandbox), await resources.enter_async_context(api))

    async def tell_sandbox(self, path: str, body: Any) -> Any:
        """Raises RuntimeError when it refuses."""
        method = "PUT" if path == "accounts" else "POST"
        answer = await self.sandbox.request(method, f"/_sandbox/{path}", json=body)
        check(answer)
        return answer.json()

    async def ask(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """`data` of an answer of the API. Raises RuntimeError with its text when it refuses."""
        answer = await self.api.request(method, path, json=body, params=query)
        if answer.status_code >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        content = answer.json()
        return content.get("data", content)

    async def change_order(self, account: str, patch: Any = None, object_id: str | None = None) -> str:
        """An order that changes and of which the store tells; a new one when none is named."""
        body = {"account": account, "kind": "order", "patch": patch, "object_id": object_id}
        told = await self.tell_sandbox("changes", {name: value for name, value in body.items() if value is not None})
        return str(told["object_id"])

    def find_endpoint(self, tenant_id: int, kind: str) -> Any:
        tenant = next(one for one in self.run["tenants"] if one["tenant_id"] == tenant_id)
        return next(one for one in tenant["endpoints"] if one["kind"] == kind)


async def set_scene(run: RunFile) -> None:
    """Some seconds; returns when what shall be seen can be seen."""
    async with AsyncExitStack() as resources:
        remote = await Remote.open(run, resources)
        await make_dead_letters(remote)
        await be_refused(remote)
        await remote.ask("POST", "/tenant-integrations/int_58_1/pause")
        await let_events_come(remote)
        await take_credentials_back(remote, "testbrand")
        await begin_runs(remote)
        await add_channels(remote)
        await settle(remote)
        await look_after_letters(remote)
        await give_access(remote)


async def let_events_come(remote: Remote) -> None:
    told = await remote.tell_sandbox("traffic", {"events": 600, "rate": 0, "mix": MIX, "seed": 7})
    answer = await remote.sandbox.get(f"/_sandbox/traffic/{told['id']}", params={"wait_s": 60})
    check(answer)


async def make_dead_letters(remote: Remote) -> None:
    for _ in range(5):
        await remote.change_order("chelseaio", UNMAPPABLE)
    await remote.change_order("mundojuguete", UNMAPPABLE)
    for _ in range(2):
        told = await remote.tell_sandbox("changes", {"account": "chelseaio", "kind": "order", "deliver": False})
        gone = {"kind": "status", "status": 404, "account": "chelseaio", "route": "get_order"}
        await remote.tell_sandbox("faults", {**gone, "object_id": told["object_id"], "seconds": 3_600})
        await remote.change_order("chelseaio", {"openTextField": {"value": "-"}}, told["object_id"])


async def be_refused(remote: Remote) -> None:
    """With a wrong secret, another store's account, no JSON, and at an address that nobody has."""
    hook = remote.find_endpoint(56, "order_hook")
    right, wrong = {hook["header_name"]: hook["secret"]}, {hook["header_name"]: "guessed"}
    body = {"Domain": "Marketplace", "OrderId": "1-01", "State": "invoiced", "CurrentChange": "2026-01-01T00:00:00Z",
            "Origin": {"Account": "somebody-else", "Key": "vtexappkey-x"}}  # fmt: skip
    async with httpx.AsyncClient(timeout=10.0, trust_env=False) as caller:
        await caller.post(hook["url"], json=body, headers=wrong)
        await caller.post(hook["url"], json=body, headers=right)
        await caller.post(hook["url"], content=b"{not json", headers=right)
        await caller.post(hook["url"].rpartition("/")[0] + "/" + "a" * 43, json=body)


async def take_credentials_back(remote: Remote, account: str) -> None:
    """The store makes new ones and tells nobody; the next order shows it."""
    other = {"app_key": f"vtexappkey-{account}-OTHER", "app_token": "of-somebody-else", "replaces_keys": True}
    hooks = (await remote.sandbox.get("/_sandbox/accounts")).json()[account]["hooks"]
    await remote.tell_sandbox("accounts", {account: other})
    assert hooks, "the store told of its orders before"
    trigger = {"account": account, "kind": "customer", "action": "advance"}
    await remote.tell_sandbox("changes", trigger)


async def begin_runs(remote: Remote) -> None:
    """One that ends, and one that goes on as long as anybody looks."""
    await remote.ask("POST", "/tenant-integrations/56/sync", {"integration_types": ["vtex"]})
    slow = {"kind": "slow", "account": "mundojuguete", "delay_ms": 2_500, "seconds": 3_600}
    for route in ("list_orders", "scroll_CL", "search_CL"):
        await remote.tell_sandbox("faults", {**slow, "route": route})
    await remote.ask("POST", "/tenant-integrations/57/sync", {"sync_type": "full", "integration_types": ["vtex"]})


async def look_after_letters(remote: Remote) -> None:
    """Many at once, of one cause; the store still has nothing under these numbers."""
    await remote.ask("POST", "/tenants/56/dead-letters/bulk", {"action": "replay", "filter": {"reason": "not_found"}})


async def give_access(remote: Remote) -> None:
    """Somebody who was invited, and keys, in each kind of place that has them."""
    [organization, *_] = await remote.ask("GET", "/organizations")
    for place in ("/tenants/56", f"/organizations/{organization['organization_id']}"):
        invited = {"email": "invited@example.com", "name": "Ines Invitada", "role": "analyst"}
        await remote.ask("POST", f"{place}/people", invited)
        await remote.ask("POST", f"{place}/keys", {"name": "ERP", "role": "operator"})
    await remote.ask("POST", "/platform/keys", {"name": "Operations"})


async def add_channels(remote: Remote) -> None:
    """One that nobody answers, as its test says."""
    channel = {"kind": "webhook", "name": "On call", "url": "https://hooks.invalid/acequia"}
    for place in ("/tenants/59", "/platform"):
        made = await remote.ask("POST", f"{place}/alerts/channels", channel)
        await remote.ask("POST", f"{place}/alerts/channels/{made['channel_id']}/test")


async def settle(remote: Remote) -> None:
    """Until what was broken shows. Raises TimeoutError."""

    async def has_letters() -> bool:
        letters = "/tenants/56/dead-letters"
        lost = await remote.ask("GET", letters, limit="50", reason="not_found", status="waiting")
        odd = await remote.ask("GET", letters, limit="50", reason="unmappable", status="waiting")
        return len(lost) >= 2 and len(odd) >= 5

    async def is_refused() -> bool:
        integration = await remote.ask("GET", "/tenant-integrations/int_59_1")
        return bool(integration["status"] == "credentials_refused")

    async def are_alerted() -> bool:
        return bool(
            await remote.ask("GET", "/tenants/59/alerts", state="open")
            and await remote.ask("GET", "/platform/alerts", state="open")
        )

    async with asyncio.timeout(SETTLE_TIMEOUT_S):
        for has_come in (has_letters, is_refused, are_alerted):
            while not await has_come():  # noqa: ASYNC110 - other processes' work
                await asyncio.sleep(POLL_S)
