"""One real call to an integration's own address, made as its provider makes it: signed, and through PUBLIC_URL.

It goes the whole way: name, certificate, proxy, receiver, queue, worker, ledger. It tells of something that nobody has,
so it fetches nothing and shows nowhere: an order hook's ends as ignored by `probe`, a document's deletes a profile of
our own name. What keeps it from arriving is no error of the caller's but what they wanted to know.
"""

import asyncio
import time
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import NamedTuple, cast

import orjson
from redis.exceptions import RedisError

from app.connectors.vtex.probe import make_probe
from app.core.errors import ConflictError, RateLimitedError
from app.core.own_address import OwnAnswer
from app.core.rates import Bucket
from app.core.signatures import decode_signing_secret, sign
from app.services.audit import Actor, write_audit
from app.services.endpoints import IssuedEndpoint, list_active_endpoints
from app.services.hook_probes import explain_answer
from app.services.hooks import NO_ADDRESS, find_public_url
from app.services.ids import IntegrationId
from app.services.integration_reads import get_row
from app.services.office import Office
from db.hook_watches import Place, note_probe
from db.ledger import find_outcomes
from db.tenants import Tenant
from schemas.ids import make_uuid7
from schemas.ledger import SentEvent

TEST_OBJECT = "acequia-test"
# The address of a trigger needs no test of its own: it is the same receiver, and its call asks VTEX for a customer.
TESTED_KINDS = ("order_hook", "inline")
WAIT_S, LOOK_S = 3.0, 0.05  # for the ledger row of an event that usually takes less than one second
FOLLOWED_S = 3_600  # so long an event without a ledger row is known to be on its way


class SignedCall(NamedTuple):
    """What is sent to an endpoint. Both parts hold secrets or what proves them."""

    body: bytes
    headers: dict[str, str]


async def send_test_event(office: Office, tenant: Tenant, integration_id: int, *, actor: Actor) -> SentEvent:
    """Sends one and waits a moment for its end. Raises NotFoundError, ConflictError where there is nothing to call,
    RateLimitedError; KeystoreUnavailableError."""
    tenant_id = tenant.tenant_id
    row = await get_row(office, tenant_id, integration_id)
    if tenant.status != "active":
        raise ConflictError(f"The tenant is {tenant.status}: its calls are not taken until it is active again.")
    endpoint = await _find_endpoint(office, tenant_id, integration_id)
    public_url, problem = find_public_url(office.settings)
    if public_url is None:
        raise ConflictError(problem or "")
    await _limit(office, tenant_id, integration_id)
    call, now = _make_call(endpoint, row.account), datetime.now(UTC)
    answer = await office.own.call(public_url + endpoint.path, call.headers, call.body)
    event_id = _find_event_id(answer)
    await _note(office, Place(tenant_id, integration_id), endpoint, event_id, now, actor)
    if event_id is None:
        return SentEvent(kind=endpoint.kind, problem=_explain(answer))
    found = await _wait(office, tenant_id, event_id)
    return SentEvent.model_validate({"kind": endpoint.kind, "event_id": event_id, "outcome": found})


async def is_test_event(office: Office, tenant_id: int, event_id: str) -> bool:
    """Whether it was accepted as a test of this tenant's a while ago. False too while Redis cannot say so."""
    try:
        return bool(await office.cache.exists(_follow_key(tenant_id, event_id)))
    except (RedisError, OSError):
        return False


def sign_document(endpoint: IssuedEndpoint, document: object) -> SignedCall:
    """A call of the endpoint's as its sender makes it: order_hook with the secret's header, inline signed as Standard
    Webhooks says, customer_trigger with nothing, since its address is its secret."""
    body = orjson.dumps(document)
    if endpoint.kind == "order_hook":
        return SignedCall(body, {str(endpoint.header_name): str(endpoint.secret)})
    if endpoint.kind == "customer_trigger":
        return SignedCall(body, {})
    message_id, now = make_uuid7(), int(time.time())
    signature = sign(decode_signing_secret(str(endpoint.secret)), message_id, now, body)
    headers = {"webhook-id": message_id, "webhook-timestamp": str(now), "webhook-signature": signature}
    return SignedCall(body, headers)


def _make_call(endpoint: IssuedEndpoint, account: str) -> SignedCall:
    now = datetime.now(UTC)
    if endpoint.kind == "order_hook":
        return sign_document(endpoint, make_probe(account, make_uuid7()[-12:], now))
    data = {"external_id": TEST_OBJECT}  # always this one: at most one tombstone is left
    return sign_document(endpoint, {"type": "customer.delete", "timestamp": now.isoformat(), "data": data})


async def _find_endpoint(office: Office, tenant_id: int, integration_id: int) -> IssuedEndpoint:
    keys = await office.keyring.keys_of(tenant_id)
    endpoints = await list_active_endpoints(office.database, office.settings, keys, integration_id)
    found = next((one for kind in TESTED_KINDS for one in endpoints if one.kind == kind), None)
    if found is None:
        raise ConflictError(NO_ADDRESS)
    return found


async def _limit(office: Office, tenant_id: int, integration_id: int) -> None:
    per_minute = office.settings.test_events_per_minute
    decision = await office.limiter.check([Bucket(f"test_event:{tenant_id}:{integration_id}", per_minute / 60, 60)])
    if decision.refused_by is not None:
        message = f"At most {per_minute} test events a minute are sent to one integration."
        raise RateLimitedError(message, decision.wait_s)


async def _note(  # noqa: PLR0917 - what was sent where, what came of it, by whom
    office: Office, place: Place, endpoint: IssuedEndpoint, event_id: str | None, sent_at: datetime, actor: Actor
) -> None:
    """Audited also when it did not arrive. A hook's is looked for by the watchdog like its own."""
    details = {"kind": endpoint.kind, "event_id": event_id}
    async with office.database.tenant_tx(place.tenant_id, "test_event") as connection:
        await write_audit(
            connection, place.tenant_id, actor, "integration.test_event_sent", "integration",
            str(IntegrationId(*place)), details,
        )  # fmt: skip
        if event_id is not None and endpoint.kind == "order_hook":
            await note_probe(connection, place, event_id, sent_at)
    if event_id is None:
        return
    try:
        await cast("Awaitable[object]", office.cache.set(_follow_key(place.tenant_id, event_id), b"1", ex=FOLLOWED_S))
    except (RedisError, OSError):
        return  # it is found as soon as it is in the ledger


async def _wait(office: Office, tenant_id: int, event_id: str) -> str | None:
    """The outcome, if it comes soon."""
    ends_at = time.monotonic() + WAIT_S
    while True:
        async with office.database.tenant_tx(tenant_id, "test_event") as connection:
            found = await find_outcomes(connection, tenant_id, [event_id])
        if found or time.monotonic() > ends_at:
            return found.get(event_id)
        await asyncio.sleep(LOOK_S)


def _find_event_id(answer: OwnAnswer) -> str | None:
    event_id = answer.document.get("event_id")
    return event_id if answer.status == 200 and isinstance(event_id, str) else None


def _explain(answer: OwnAnswer) -> str:
    ignored = answer.document.get("ignored")
    if answer.status == 200 and isinstance(ignored, str):
        return f"The receiver took the test call and let it go: {ignored[:60]}."
    return explain_answer(answer, caller="the web process")


def _follow_key(tenant_id: int, event_id: str) -> str:
    return f"test_event:{tenant_id}:{event_id}"
