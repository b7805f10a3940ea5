"""Every path on which personal data enters the product, walked once with the canaries.

Whatever a caller, a store or a person gets to see is kept in `Journey.shown`: answers, pages, what commands print.
"""

import asyncio
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx
import orjson

from scripts.sandbox.inline import sign
from scripts.stack.demo_tenants import BRANDS
from scripts.stack.stack import Stack
from tests.acceptance.traces.canaries import Canaries
from tests.acceptance.traces.provider import Answer, Provider

BRAND, OTHER, LOCKED, UNPERMITTED = BRANDS[:4]
REFUSED_ID = "refused-by-postgres"
WAIT_S = 20.0


@dataclass
class Journey:
    """`command`: how one of our modules is started; another one than the product's when nothing is to be sealed."""

    stack: Stack
    provider: Provider
    canaries: Canaries
    command: list[str]
    client: httpx.AsyncClient
    shown: dict[str, bytes] = field(default_factory=dict)
    accepted: dict[int, list[str]] = field(default_factory=dict)
    order_id: str = ""
    customer_id: str = ""

    @property
    def person(self) -> dict[str, Any]:
        """As VTEX writes a buyer."""
        c = self.canaries
        return {"email": c.email, "phone": c.phone, "document": c.document, "documentType": "passport",
                "firstName": c.street, "lastName": c.street}  # fmt: skip

    def find_endpoint(self, kind: str, tenant_id: int = BRAND.tenant_id) -> Any:
        tenant = next(tenant for tenant in self.stack.tenants if tenant["tenant_id"] == tenant_id)
        return next(endpoint for endpoint in tenant["endpoints"] if endpoint["kind"] == kind)

    # -- what is accepted --

    async def buy(self) -> None:
        """Orders by hook: one that maps, one that does not, and those whose store answers with an error."""
        c = self.canaries
        address = {"receiverName": c.street, "street": c.street, "reference": c.email, "country": "ARG"}
        document = {
            "clientProfileData": self.person,
            "shippingData": {"address": address},
            "cancelReason": f"Llamar a {c.email} o al {c.spoken_phone}",
        }
        self.order_id = await self.change("order", patch=document)
        await self.change("order", patch={**document, "value": 10.5})
        await self.change("order", patch={**document, "items": [{"price": {"amount": c.document}}]})
        body = f"{c.email} {c.phone} {c.document} {c.token}".encode()
        html = {"content-type": f"text/html; name={c.document}", "x-debug": c.email}
        for status, headers in (
            (500, html),
            (404, html),
            (403, html),
            (200, html),
            (302, {"location": f"/somewhere?email={c.email}&token={c.token}"}),
            (429, {"retry-after": "1", **html}),
            (400, {"retry-after": c.phone}),
        ):
            # Who is throttled waits for ever: once is enough.
            answer = Answer(status, b"<html>" + body + b"</html>", headers, is_once=status == 429)
            await self.change("order", answer=answer, patch=document)
        odd = orjson.dumps({"orderId": {"email": c.email}, c.document: c.email, **document})
        await self.change("order", answer=Answer(200, odd, {}))
        # In the other brand: these pause its integration.
        await self.change("order", OTHER.account, answer=Answer(401, body, html), patch=document)

    async def register(self) -> None:
        """Customers by trigger, whose calls wrongly carry everything beside the pointer."""
        c = self.canaries
        profile = {"email": c.email, "homePhone": c.spoken_phone, "cellPhone": c.phone, "document": c.document.lower(),
                   "documentType": "passport", "firstName": c.street}  # fmt: skip
        self.customer_id = await self.change("customer", patch=profile)
        await self.change("customer", answer=Answer(500, orjson.dumps(profile), {}), patch=profile)
        gone = await self.change("customer", patch=profile)
        await self.change("customer", object_id=gone, action="delete")
        url = self.find_endpoint("customer_trigger")["url"]
        told = {**profile, "phone": c.phone, "apptoken": c.token}
        for method in ("POST", "GET"):
            answer = await self.call(method, url, params={"id": self.customer_id, **told}, json=told)
            self.accept(answer)
        for pointer in (c.email, f"CL-{c.email}"):
            answer = await self.call("POST", url, json={**told, "id": pointer})
            assert answer.status_code == 422, answer.text
        answer = await self.call("POST", url, params={"userId": c.email, **told})
        assert answer.status_code == 422, answer.text

    async def send_documents(self) -> None:
        """A brand's own documents: good ones, ones that cannot be mapped, and one that Postgres refuses."""
        c = self.canaries
        address = {"receiver_name": c.street, "street": c.street, "reference": c.email}
        person = {"email": c.email, "phones": [c.phone, c.spoken_phone], "document_type": "passport",
                  "document": c.document, "first_name": c.street, "addresses": [address]}  # fmt: skip
        buyer = {"email": c.email, "phone": c.phone, "document": c.document, "document_type": "passport"}
        good = [
            ("customer.upsert", {"external_id": "c-1", **person}),
            ("customer.upsert", {"external_id": "c-1", **person, "missing": ["birth_date"]}),
            ("order.upsert", {"external_id": "o-1", "buyer": buyer, "shipping_address": address}),
            ("customer.upsert", {"external_id": "c-2", **person}),
            ("customer.delete", {"external_id": "c-2", **person}),
            ("customer.upsert", {"external_id": REFUSED_ID, **person}),
        ]
        bad: list[tuple[str, dict[str, Any]]] = [
            ("customer.upsert", {"external_id": "c-3", **person, "birth_date": c.document}),
            ("customer.upsert", {"external_id": "c-4", **person, c.email: c.phone}),
            ("customer.upsert", {"external_id": "c-5", "addresses": [{c.email: {c.document: [c.phone]}}]}),
            ("customer.upsert", {"external_id": "c-6", **person, "missing": [c.email]}),
            ("order.upsert", {"external_id": "o-2", "buyer": {**buyer, "email": {c.email: 1}}}),
            ("order.upsert", {"external_id": "o-3", "total_minor": c.phone, "buyer": buyer}),
        ]
        for type_name, data in good + bad:
            self.accept(await self.send_signed({"type": type_name, "data": data}))

    # -- what is refused --

    async def be_refused(self) -> None:
        c = self.canaries
        everything = {"OrderId": "1-01", "Origin": {"Account": BRAND.account}, **self.person, "token": c.token}
        hook, trigger, inline = map(self.find_endpoint, ("order_hook", "customer_trigger", "inline"))
        secret = {hook["header_name"]: hook["secret"]}
        strange = {"user-agent": c.email, "cookie": f"session={c.token}", "referer": f"https://x/?e={c.email}"}
        whole, broken = orjson.dumps(everything), f'{{"email": "{c.email}", "t": "{c.token}"'.encode()
        oversized = orjson.dumps({**everything, "more": f"{c.email} " * 5_000})
        nested = b"[" * 80 + whole + b"]" * 80
        host = self.stack.receiver_url
        for expected, method, url, headers, body in (
            (401, "POST", hook["url"], {hook["header_name"]: c.token}, whole),
            (401, "POST", hook["url"], {}, whole),
            (422, "POST", hook["url"], secret, broken),
            (422, "POST", hook["url"], secret, nested),
            (422, "POST", hook["url"], secret, orjson.dumps({**everything, "OrderId": {"email": c.email}})),
            (422, "POST", hook["url"], secret, orjson.dumps({**everything, "OrderId": c.email})),
            (422, "POST", hook["url"], secret, orjson.dumps({**everything, "Origin": {"Account": c.email}})),
            (413, "POST", hook["url"], secret, oversized),
            (405, "GET", hook["url"], secret, whole),
            (405, "DELETE", hook["url"], secret, whole),
            (200, "POST", hook["url"], secret, orjson.dumps({**everything, "Origin": {"Account": "not-listed"}})),
            (422, "POST", trigger["url"], {}, broken),
            (413, "POST", trigger["url"], {}, oversized),
            (200, "POST", trigger["url"], {}, orjson.dumps({**everything, "id": "x", "dataEntityId": c.document})),
            (401, "POST", inline["url"], {"webhook-id": c.email, "webhook-signature": c.token}, whole),
            (401, "POST", f"{host}/webhooks/vtex/{c.email}", secret, whole),
            (401, "POST", f"{host}/webhooks/{c.document}/{c.token}", secret, whole),
            (404, "POST", f"{host}/{c.email}?phone={c.phone}", secret, whole),
            (404, "GET", f"{self.stack.web_url}/{c.email}?phone={c.phone}", {}, b""),
        ):
            answer = await self.call(method, url, headers=strange | headers, content=body)
            assert answer.status_code == expected, (expected, method, url, answer.text)
            assert "event_id" not in answer.text
        for wrong in (
            {"type": c.email, "data": {}},
            {"type": "customer.upsert", "data": c.email},
            {"type": "customer.upsert", "data": {"external_id": {"email": c.email}}},
            {"type": "customer.upsert", "data": {"external_id": c.email, "email": c.email}},
            {"type": "customer.delete", "data": {"external_id": f"brand:{c.email}"}},
        ):
            assert (await self.send_signed(wrong)).status_code == 422
        assert (await self.send_signed(everything, at=time.time() - 3_600)).status_code == 401

    # -- what people look at --

    async def look(self) -> None:
        """Pages and commands, a replay among them."""
        await self.look_at_processes()
        dead = orjson.loads(await self.run_command("dead-letters", "list", "--json"))
        tenant = str(BRAND.tenant_id)
        own = [letter for letter in dead if letter["tenant_id"] == BRAND.tenant_id]
        documents = [letter for letter in own if letter["object_id"] in ("c-3", "c-4", "o-3")]
        assert len(documents) == 3, dead
        await asyncio.gather(
            self.run_command("dead-letters", "show", tenant, documents[0]["event_id"]),
            self.run_command("dead-letters", "show", tenant, documents[1]["event_id"], "--json"),
            self.run_command("events", "tail", tenant, "-n", "100"),
        )
        replayed = orjson.loads(
            await self.run_command("dead-letters", "replay", tenant, documents[2]["event_id"], "--json")
        )
        self.accepted[BRAND.tenant_id].append(replayed["replay_event_id"])
        await self.settle()
        await asyncio.gather(
            self.run_command("events", "tail", "--json"),
            self.run_command("status"),
            self.run_command("doctor", "--json"),
        )

    async def look_at_processes(self) -> None:
        for name in ("receiver", "web", "worker", "syncer"):
            port = self.stack.supervisor.parts(name)[0].port  # type: ignore[attr-defined]
            for page in ("metrics", "readyz", "healthz"):
                await self.call("GET", f"http://127.0.0.1:{port}/{page}")

    async def run_command(self, *arguments: str) -> bytes:
        process = await asyncio.create_subprocess_exec(
            *self.command, "scripts.cli", *arguments, env=self.stack.environment("operator"),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, errors = await process.communicate()
        self.shown[f"acequia {' '.join(arguments)}"] = output + errors
        # These say with their status what they have found.
        may_find = arguments[0] == "doctor" or arguments[:2] == ("sync", "verify")
        assert process.returncode == 0 or may_find, (output + errors).decode()
        return output

    # -- what waits --

    async def leave_waiting(self) -> None:
        """Stops the worker; what comes now stays in the queue."""
        await self.stack.supervisor.stop(["worker"])
        for number in range(20):
            data = {"external_id": f"w-{number}", "email": self.canaries.email, "document": self.canaries.document}
            answer = await self.send_signed({"type": "customer.upsert", "data": data})
            assert answer.status_code == 200

    # -- steps ---------------------------------------------------------------------------------------------------

    async def change(self, kind: str, account: str = BRAND.account, answer: Answer | None = None, **body: Any) -> str:
        """A change at the store, told at once. With `answer` the store answers so when it is asked for the object."""
        deliver = answer is None
        made = await self.control({"account": account, "kind": kind, "deliver": deliver, **body})
        object_id: str = made["object_id"]
        if answer is not None:
            self.provider.answers[object_id] = answer
            made = await self.control({"account": account, "kind": kind, "object_id": object_id, "patch": {}})
        tenant_id = next(brand.tenant_id for brand in BRANDS if brand.account == account)
        for delivery in made["deliveries"]:
            assert delivery["status"] == 200, delivery
            self.accepted.setdefault(tenant_id, []).append(delivery["answer"]["event_id"])
        return object_id

    async def control(self, body: dict[str, Any]) -> Any:
        answer = await self.client.post(f"{self.stack.sandbox_url}/_sandbox/changes", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def send_signed(self, body: dict[str, Any], at: float | None = None) -> httpx.Response:
        endpoint, content = self.find_endpoint("inline"), orjson.dumps(body)
        headers = sign(endpoint["secret"], "msg_1", content, None if at is None else int(at))
        return await self.call("POST", endpoint["url"], headers=headers, content=content)

    async def call(self, method: str, url: str, **options: Any) -> httpx.Response:
        answer = await self.client.request(method, url, **options)
        place = f"answer {len(self.shown)} to {method} {answer.status_code}"
        self.shown[place] = str(answer.headers).encode() + answer.content
        return answer

    def accept(self, answer: httpx.Response) -> None:
        assert answer.status_code == 200, answer.text
        self.accepted.setdefault(BRAND.tenant_id, []).append(answer.json()["event_id"])

    async def settle(self) -> dict[str, tuple[str, str | None]]:
        """Until every accepted event but the paused ones has its row: event id → outcome and reason."""
        connection = await asyncpg.connect(self.stack.database_urls["postgres"])
        try:
            deadline = time.monotonic() + WAIT_S
            wanted = set(self.accepted[BRAND.tenant_id])
            while True:
                rows = await connection.fetch("SELECT event_id::text, outcome, reason FROM events")
                found = {event_id: (outcome, reason) for event_id, outcome, reason in rows}
                if wanted <= found.keys():
                    return found
                assert time.monotonic() < deadline, f"{len(wanted - found.keys())} events have no row"
                await asyncio.sleep(0.05)
        finally:
            await connection.close()


async def refuse_a_row(stack: Stack) -> None:
    """Postgres refuses one customer: the error that it sends back quotes the row."""
    connection = await asyncpg.connect(stack.database_urls["postgres"])
    await connection.execute(f"ALTER TABLE customers ADD CONSTRAINT refused CHECK (external_id <> '{REFUSED_ID}')")
    await connection.close()


def our_command(*module: str) -> list[str]:
    """The command line of a module of ours, and of what it is told."""
    return [sys.executable, "-m", *module]
