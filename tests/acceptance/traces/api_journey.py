"""The API's part of the journey: everything that a caller may send with somebody's data or a secret in it.

What is shown without being asked to reveal is kept, and must be clean; what is revealed is only looked at.
"""

from typing import Any

import httpx
import orjson

from scripts.stack.demo_tenants import ENVIRONMENT
from tests.acceptance.traces.journey import BRAND, Journey

PASSWORD = "cuatro palabras bien largas"


async def use_api(journey: Journey) -> None:
    """People, sessions, records, integrations; right, wrong and repeated."""
    headers = {"Authorization": f"Bearer {journey.stack.api_key}"}
    async with httpx.AsyncClient(
        base_url=f"{journey.stack.web_url}/api/v2", headers=headers, trust_env=False, timeout=15.0
    ) as api:
        await _invite_and_log_in(journey, api)
        await _read_records(journey, api)
        await _connect(journey, api)
        await _look(journey, api)


async def _invite_and_log_in(journey: Journey, api: httpx.AsyncClient) -> None:
    c, people = journey.canaries, f"/tenants/{BRAND.tenant_id}/people"
    person = {"email": c.email, "name": c.street, "role": "operator"}
    for _ in range(2):  # the repeat is answered from what is kept
        await _send(api, 201, 409, method="POST", url=people, json=person, headers={"Idempotency-Key": c.document})
    journey.shown["answer wrong role"] = await _send(api, 422, method="POST", url=people, json={**person, "role": "x"})
    journey.shown["answer misspelt"] = await _send(
        api, 422, method="POST", url=people, json={**person, "mail": c.email}
    )
    invited = orjson.loads(await _send(api, 201, method="POST", url=people, json=person))["data"]
    acceptance = {"email": c.email, "code": invited["invitation_code"], "password": PASSWORD}
    await _send(api, 401, method="POST", url="/invitations/accept", json={**acceptance, "code": c.token})
    await _send(api, 201, method="POST", url="/invitations/accept", json=acceptance)
    for password in (PASSWORD, c.token[:60]):
        await _send(api, 201, 401, method="POST", url="/session", json={"email": c.email, "password": password})
    api.cookies.clear()


async def _read_records(journey: Journey, api: httpx.AsyncClient) -> None:
    c, customers = journey.canaries, f"/tenants/{BRAND.tenant_id}/customers"
    orders = f"/tenants/{BRAND.tenant_id}/orders"
    for query in ({"email": c.email}, {"phone": c.phone}, {"document": c.document}):
        found = await _send(api, 200, method="GET", url=customers, params={**query, "reveal": "true"})
        assert c.email.partition("@")[0].encode() in found, "the canary is there to be revealed"
    for url in (customers, orders):
        journey.shown[f"answer masked {url}"] = await _send(api, 200, method="GET", url=url)
    wrong = await _send(api, 422, method="GET", url=customers, params={"mail": c.email})
    journey.shown["answer wrong filter"] = wrong
    await _send(api, 404, method="GET", url=f"{customers}/{c.email}")


async def _connect(journey: Journey, api: httpx.AsyncClient) -> None:
    c = journey.canaries
    fields = {"account_name": BRAND.account, "environment": ENVIRONMENT, "app_key": "wrong", "app_token": c.token}
    validated = await _send(api, 200, method="POST", url="/tenant-integrations/validate/vtex", json=fields)
    journey.shown["answer validation"] = validated
    wanted = {"tenant_id": BRAND.tenant_id, "type": "vtex", "config": {**fields, "account_name": "nosuchstore"}}
    refused = await _send(
        api, 422, method="POST", url="/tenant-integrations", json=wanted, headers={"Idempotency-Key": c.token}
    )
    journey.shown["answer refused integration"] = refused
    enqueued = {"stream": "customers", "external_ids": [c.email]}
    told = await _send(
        api, 422, method="POST", url=f"/tenant-integrations/int_{BRAND.tenant_id}_1/enqueue", json=enqueued
    )
    journey.shown["answer refused pointer"] = told


async def _look(journey: Journey, api: httpx.AsyncClient) -> None:
    tenant = f"/tenants/{BRAND.tenant_id}"
    for url in (f"{tenant}/audit", "/platform/audit", f"{tenant}/events", f"{tenant}/dead-letters", tenant, "/tenants",
                f"/tenant-integrations?tenant_id={BRAND.tenant_id}", f"{tenant}/keys", f"{tenant}/gaps"):  # fmt: skip
        journey.shown[f"answer {url}"] = await _send(api, 200, method="GET", url=url)


async def _send(api: httpx.AsyncClient, *statuses: int, **request: Any) -> bytes:
    answer = await api.request(**request)
    assert answer.status_code in statuses, f"{request['url']}: {answer.status_code} {answer.text[:300]}"
    return answer.content
