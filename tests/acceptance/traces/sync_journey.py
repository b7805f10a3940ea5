"""The syncs' part of the journey: a full one, an incremental one and a repair of what only lists tell.

Nobody is told of these objects by a webhook: what is found of their canaries came by a sync. Lists and documents break
on the way, an order cannot be mapped, Postgres refuses a row, one customer's id is an e-mail address, keys are refused.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import asyncpg
import httpx
import orjson

from scripts.stack.demo_tenants import DemoBrand
from tests.acceptance.traces.canaries import Canaries
from tests.acceptance.traces.journey import BRAND, LOCKED, UNPERMITTED, WAIT_S, Journey
from tests.acceptance.traces.provider import Answer

VTEX = f"int_{BRAND.tenant_id}_1"
ORDERS, SEARCH, SCROLL = (f"/{BRAND.account}/api/{path}" for path in (
    "oms/pvt/orders?", "dataentities/CL/search?", "dataentities/CL/scroll?_token",
))  # fmt: skip
CHANGED_TOTAL = 123_400


class SyncJourney:
    """`listed`: canaries of whom only the lists tell."""

    def __init__(self, journey: Journey, listed: Canaries, api: httpx.AsyncClient) -> None:
        self._journey = journey
        self._api = api
        self._listed = listed
        self.order_id = self.customer_id = self.late_order_id = self.gone_id = ""
        self.bad_ids: list[str] = []

    async def walk(self) -> None:
        await self._stock()
        await self._sync_everything()
        await self._sync_changes()
        await self._wait_for_dead_letters()
        await self._execute("ALTER TABLE customers DROP CONSTRAINT unlisted")
        await self._repair()
        await self._be_refused()
        await self._look()

    # -- what the store holds --

    @property
    def _person(self) -> dict[str, Any]:
        c = self._listed
        return {"email": c.email, "homePhone": c.spoken_phone, "cellPhone": c.phone, "document": c.document.lower(),
                "documentType": "passport", "firstName": c.street, "lastName": c.street}  # fmt: skip

    @property
    def _purchase(self) -> dict[str, Any]:
        c = self._listed
        address = {"receiverName": c.street, "street": c.street, "reference": c.email, "country": "ARG"}
        buyer = {"email": c.email, "phone": c.phone, "document": c.document, "documentType": "passport",
                 "firstName": c.street}  # fmt: skip
        return {"clientProfileData": buyer, "shippingData": {"address": address}, "cancelReason": f"Llamar a {c.email}"}

    async def _stock(self) -> None:
        """Nothing of it is told. From here on the store answers what it has, but for what is put in its way."""
        journey = self._journey
        provider = journey.provider
        provider.answers.clear()
        # One that begins by the clock would be joined, and would have read what comes later.
        await self._execute("UPDATE tenant_integrations SET auto_sync = false")
        self.order_id = await self._hide("order", patch=self._purchase)
        self.customer_id = await self._hide("customer", patch=self._person)
        await self._hide("customer", object_id=self.customer_id, patch={"userId": self.customer_id})
        self.gone_id = await self._hide("customer", patch=self._person)
        unusable = {**self._purchase, "items": [{"price": {"amount": self._listed.document}}]}
        refused_id = await self._hide("customer", patch=self._person)
        self.bad_ids = [await self._hide("order", patch=unusable), refused_id]
        # A store may choose ids, and some chose this one.
        await self._hide("customer", patch={**self._person, "id": self._listed.email})
        await self._execute(f"ALTER TABLE customers ADD CONSTRAINT unlisted CHECK (external_id <> '{refused_id}')")

        def add_address(rows: list[Any], query: str) -> None:
            if self.customer_id in query:
                c = self._listed
                rows.append({"id": "a-1", "userId": self.customer_id, "receiverName": c.street, "street": c.street,
                             "reference": c.email, "country": "ARG"})  # fmt: skip

        provider.amends = {f"/{BRAND.account}/api/dataentities/AD/": add_address}

    def _spoil(self) -> list[Answer]:
        """What a list's calls get before it answers: each once."""
        c = self._listed
        text = f"{c.email} {c.phone} {c.document} {c.street} {c.token}"
        html = {"content-type": f"text/html; name={c.document}", "x-debug": c.email}
        rows = orjson.dumps([{"id": c.document, "orderId": c.document, **self._person, "token": c.token}])
        return [
            Answer(200, f"<html>{text}</html>".encode(), html),
            Answer(200, rows[:-20], {}),
            Answer(200, rows, html, is_cut=True),
            Answer(429, text.encode(), {"retry-after": "1", **html}),
        ]

    # -- syncs --

    async def _sync_everything(self) -> None:
        """Followed on all ways while it goes on. A scroll's page is lost: it is read from its beginning again."""
        journey, spoilt = self._journey, self._spoil()
        provider = journey.provider
        provider.spoilt = {ORDERS: spoilt[:3], SEARCH: spoilt[1:], SCROLL: spoilt[2:3]}
        run_id = await self._start(BRAND, "full")
        url = f"/tenants/{BRAND.tenant_id}/sync-runs/{run_id}"
        tenant = str(BRAND.tenant_id)
        _, _, progress = await asyncio.gather(
            journey.run_command("sync", "watch", tenant, run_id),
            journey.run_command("sync", "status", tenant),
            self._get(f"{url}/progress"),
        )
        assert b"event: end" in progress, progress
        run = await self._read(url)
        assert run["status"] == "partial", run
        assert not any(provider.spoilt.values()), "an answer of the store's was never met"
        for stream in run["streams"]:
            assert stream["error_code"] == "unmappable", stream

    async def _sync_changes(self) -> None:
        """What changed; and an order that cannot be read is met once more."""
        c, journey = self._listed, self._journey
        await self._hide(
            "order", object_id=self.order_id, patch={"cancelReason": f"{c.email} {c.street} {c.spoken_phone}"}
        )
        await self._hide("order", object_id=self.order_id, patch={"value": CHANGED_TOTAL})
        await self._hide("customer", object_id=self.customer_id, patch={"businessPhone": c.spoken_phone})
        await self._hide("order", object_id=self.bad_ids[0], patch={"value": CHANGED_TOTAL})
        journey.provider.spoilt = {ORDERS: self._spoil()[:1], SEARCH: self._spoil()[:1]}
        tenant = str(BRAND.tenant_id)
        await journey.run_command("sync", "start", tenant, "--integration", VTEX, "--watch", "--json")
        assert not any(journey.provider.spoilt.values())

    async def _repair(self) -> None:
        """Missing, stale, deleted, and one that cannot be mapped, in a window that does not come whole at first."""
        journey, spoilt = self._journey, self._spoil()
        self.late_order_id = await self._hide("order", patch=self._purchase)
        await self._hide("order", object_id=self.order_id, patch={"value": CHANGED_TOTAL + 1})
        await self._hide("customer", object_id=self.gone_id, action="delete")
        unusable = await self._hide("order", patch={**self._purchase, "items": [{"price": self._listed.document}]})
        self.bad_ids.append(unusable)
        journey.provider.spoilt = {ORDERS: spoilt[:1], SEARCH: spoilt[1:3]}
        told = await journey.run_command("sync", "verify", str(BRAND.tenant_id), "--integration", VTEX, "--json")
        findings = {one["external_id"]: (one["finding"], one["outcome"]) for one in orjson.loads(told)["findings"]}
        wanted = {
            self.late_order_id: ("missing", "repaired"),
            self.order_id: ("stale", "repaired"),
            self.gone_id: ("unlisted", "deleted"),
            unusable: ("missing", "dead"),
        }
        assert findings.items() >= wanted.items(), findings
        assert not any(journey.provider.spoilt.values())

    async def _be_refused(self) -> None:
        """Two other brands: a key that does not match, and one that may not read. Both answers say too much."""
        c, journey = self._listed, self._journey
        body = f"{c.email} {c.phone} {c.document} {c.street} {c.token}".encode()
        for brand, status in ((LOCKED, 401), (UNPERMITTED, 403)):
            journey.provider.answers[f"/{brand.account}/api/"] = Answer(status, body, {"x-debug": c.email})
        waiting, failing = await asyncio.gather(*(self._start(one, "full") for one in (LOCKED, UNPERMITTED)))
        locked = f"/tenants/{LOCKED.tenant_id}/sync-runs/{waiting}"
        await self._wait(locked, lambda run: any(one["reason"] == "credentials_refused" for one in run["streams"]))
        await journey.run_command("sync", "list", str(LOCKED.tenant_id))
        await journey.run_command("sync", "cancel", str(LOCKED.tenant_id), waiting)
        unpermitted = f"/tenants/{UNPERMITTED.tenant_id}/sync-runs/{failing}"
        await self._wait(unpermitted, lambda run: run["status"] == "failed")

    # -- what people look at --

    async def _look(self) -> None:
        journey, c = self._journey, self._listed
        tenant = f"/tenants/{BRAND.tenant_id}"
        runs = await self._read(f"{tenant}/sync-runs")
        for url in (f"{tenant}/completeness", f"/tenant-integrations/{BRAND.tenant_id}/sync-status",
                    *(f"{tenant}/sync-runs/{one['run_id']}/findings" for one in runs)):  # fmt: skip
            await self._get(url)
        sync = f"/tenant-integrations/{BRAND.tenant_id}/sync"
        for body in ({"integration_types": [c.email]}, {"streams": [c.email]}, {"integration_id": c.document}):
            answer = await self._api.post(sync, json=body)
            assert answer.status_code == 422, answer.text
            journey.shown[f"answer {len(journey.shown)} to a wrong sync"] = answer.content
        await self._wait_for_dead_letters()
        await asyncio.gather(
            journey.run_command("sync", "list", str(BRAND.tenant_id), "--json"),
            journey.run_command("dead-letters", "list", "--json"),
            journey.look_at_processes(),
        )

    async def _wait_for_dead_letters(self) -> None:
        """What could not be mapped went into the queue as hints: each is dead there, or the row that they left is."""
        connection = await asyncpg.connect(self._journey.stack.database_urls["postgres"])
        try:
            deadline = time.monotonic() + WAIT_S
            while True:
                rows = await connection.fetch(
                    "SELECT object_id FROM events WHERE outcome = 'dead' AND object_id = ANY ($1::text[])", self.bad_ids
                )
                if {row[0] for row in rows} == set(self.bad_ids):
                    return
                assert time.monotonic() < deadline, f"only {rows} are dead"
                await asyncio.sleep(0.05)
        finally:
            await connection.close()

    # -- steps ---------------------------------------------------------------------------------------------------

    async def _hide(self, kind: str, **body: Any) -> str:
        """A change that nobody is told of; the object's id."""
        made = await self._journey.control({"account": BRAND.account, "kind": kind, "deliver": False, **body})
        object_id: str = made["object_id"]
        return object_id

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self._journey.stack.database_urls["postgres"])
        await connection.execute(statement)
        await connection.close()

    async def _start(self, brand: DemoBrand, kind: str) -> str:
        url = f"/tenant-integrations/{brand.tenant_id}/sync"
        answer = await self._api.post(url, json={"integration_types": ["vtex"], "sync_type": kind})
        assert answer.status_code == 202, answer.text
        [line] = answer.json()["data"]
        assert line["outcome"] == "queued", line
        run_id: str = line["run_id"]
        return run_id

    async def _get(self, url: str) -> bytes:
        answer = await self._api.get(url)
        assert answer.status_code == 200, f"{url}: {answer.status_code} {answer.text[:300]}"
        self._journey.shown[f"answer {len(self._journey.shown)} of {url}"] = answer.content
        return answer.content

    async def _read(self, url: str) -> Any:
        return orjson.loads(await self._get(url))["data"]

    async def _wait(self, url: str, is_so: Callable[[Any], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not is_so(run := await self._read(url)):
            assert time.monotonic() < deadline, run
            await asyncio.sleep(0.1)


async def sync(journey: Journey, listed: Canaries) -> SyncJourney:
    """Walks it whole; what it left: whose rows the canaries are in."""
    headers = {"Authorization": f"Bearer {journey.stack.api_key}"}
    async with httpx.AsyncClient(
        base_url=f"{journey.stack.web_url}/api/v2", headers=headers, trust_env=False, timeout=WAIT_S
    ) as api:
        walked = SyncJourney(journey, listed, api)
        await walked.walk()
    return walked
