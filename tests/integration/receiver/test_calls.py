"""Every call and every refusal, tried over HTTP against a running receiver with a real Valkey."""

from pathlib import Path

import orjson
import pytest
from redis.asyncio import Redis

from app.core.inline import inline_info, open_inline
from app.core.queue_runner import send_command
from app.core.tokens import make_endpoint_token
from schemas.events import decode_event
from scripts.stack.valkey import EmbeddedValkey
from tests.integration.receiver.support import (
    ACME,
    GLOBEX,
    KEYS,
    PING,
    Endpoint,
    Receiver,
    make_hook,
    publish,
    read_queue,
    start_receiver,
    wait_until,
)

HOOK_EVENT = {
    "s": "vtex", "a": "acme", "i": 3, "f": "hint", "k": "order", "x": "upsert", "o": "1268540501456-01",
    "st": "payment-approved", "t": "2026-08-14T17:11:39.255012+00:00",
}  # fmt: skip


async def test_an_order_hook_becomes_a_pointer_in_its_own_tenants_queue(receiver: Receiver, redis: Redis) -> None:
    acme, globex = Endpoint(), Endpoint(tenant_id=GLOBEX, account="globex")
    await publish(redis, acme, globex)
    answer = await receiver.post(acme)
    assert answer.status_code == 200
    assert answer.json()["success"] is True
    assert await read_queue(redis, ACME) == [(answer.json()["event_id"], HOOK_EVENT)]
    assert await read_queue(redis, GLOBEX) == []


async def test_unknown_revoked_and_wrong_secret_give_the_same_answer(receiver: Receiver, redis: Redis) -> None:
    known, revoked, unknown = Endpoint(), Endpoint(), Endpoint(token="aqe_" + "x" * 30)
    await publish(redis, known)
    answers = [
        await receiver.post(revoked),
        await receiver.post(unknown),
        await receiver.client.post(f"/webhooks/vtex/{'a' * 3000}", content=make_hook()),
        await receiver.post(known, headers={"X-Acequia-Secret": "wrong"}),
        await receiver.post(known, headers={"X-Acequia-Secret": ""}),
        await receiver.client.post(known.path, content=make_hook()),
        await receiver.client.post(known.path.replace("vtex", "brand"), content=make_hook(), headers=known.headers()),
        await receiver.client.post(known.path, content=b"not json"),
        await receiver.client.get(known.path),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert len({tuple(sorted(set(answer.headers) - {"date"})) for answer in answers}) == 1
    assert await read_queue(redis) == []


async def test_two_secrets_are_valid_during_rotation_and_no_third(receiver: Receiver, redis: Redis) -> None:
    endpoint = Endpoint(secrets=["new-secret", "previous-secret"])
    await publish(redis, endpoint)
    statuses = {
        secret: (await receiver.post(endpoint, headers={"X-Acequia-Secret": secret})).status_code
        for secret in ("new-secret", "previous-secret", "older-secret")
    }
    assert statuses == {"new-secret": 200, "previous-secret": 200, "older-secret": 401}


async def test_an_endpoint_whose_secret_is_empty_takes_nobody(receiver: Receiver, redis: Redis) -> None:
    disabled, empty = Endpoint(secrets=["x"]), Endpoint(secrets=[""])
    disabled.secrets.clear()
    await publish(redis, disabled, empty)
    for endpoint in (disabled, empty):
        for offered in ({}, {"X-Acequia-Secret": ""}):
            answer = await receiver.client.post(endpoint.path, content=make_hook(), headers=offered)
            assert answer.status_code == 401


async def test_vtexs_ping_needs_no_secret_and_does_nothing(receiver: Receiver, redis: Redis) -> None:
    endpoint = Endpoint()
    await publish(redis, endpoint)
    for body in (PING, b'{"hookConfig":"ping"}'):
        assert (await receiver.client.post(endpoint.path, content=body)).status_code == 200
        assert (await receiver.post(endpoint, body)).status_code == 200
    for body in (b'{"hookConfig":"ping","OrderId":"1"}', b'{"hookConfig":"pong"}', b'["ping"]'):
        assert (await receiver.client.post(endpoint.path, content=body)).status_code == 401
    assert (await receiver.post(Endpoint(), PING)).status_code == 401
    assert await read_queue(redis) == []


async def test_an_account_that_is_not_listed_is_ignored_and_counted(receiver: Receiver, redis: Redis) -> None:
    endpoint = Endpoint(account="acme")
    await publish(redis, endpoint)
    before = await receiver.count("account_not_listed")
    answer = await receiver.post(endpoint, make_hook(account="globex"))
    assert (answer.status_code, answer.json()) == (200, {"success": True, "ignored": "account_not_listed"})
    assert await receiver.count("account_not_listed") == before + 1
    assert (await receiver.post(endpoint, make_hook(account="ACME"))).json()["event_id"]
    assert len(await read_queue(redis)) == 1


async def test_a_body_over_the_limit_is_refused_declared_or_chunked(receiver: Receiver, redis: Redis) -> None:
    endpoint = Endpoint()
    await publish(redis, endpoint)
    large = make_hook(Padding="x" * 66_000)

    async def in_chunks(body: bytes):  # type: ignore[no-untyped-def]
        for start in range(0, len(body), 8_000):
            yield body[start : start + 8_000]

    declared = await receiver.post(endpoint, large)
    chunked = await receiver.client.post(endpoint.path, content=in_chunks(large), headers=endpoint.headers())
    assert (declared.status_code, chunked.status_code) == (413, 413)
    assert declared.json()["code"] == "body_too_large"
    just_fits = make_hook(Padding="x" * (65_536 - len(make_hook(Padding=""))))
    assert len(just_fits) == 65_536
    for body in (just_fits, in_chunks(just_fits)):
        answer = await receiver.client.post(endpoint.path, content=body, headers=endpoint.headers())
        assert answer.status_code == 200


MALFORMED = {
    "empty": b"",
    "cut short": b'{"OrderId": "1"',
    "two values": b"{}{}",
    "not UTF-8": b'{"OrderId": "\xff"}',
    "NaN": b'{"OrderId": "1", "x": NaN}',
    "Infinity": b'{"x": -Infinity}',
    "lone surrogate": b'{"OrderId": "\\ud800"}',
    "nested 100 deep": b"[" * 100 + b"]" * 100,
    "nested 30,000 deep": b"[" * 30_000 + b"]" * 30_000,
    "nested in an object": b'{"a":' * 70 + b"1" + b"}" * 70,
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
async def test_malformed_json_is_refused(receiver: Receiver, redis: Redis, body: bytes) -> None:
    endpoint = Endpoint()
    await publish(redis, endpoint)
    answer = await receiver.post(endpoint, body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "malformed_json"
    assert answer.json()["success"] is False


WITHOUT_POINTER = {
    "$": b"[]",
    "OrderId": b'{"Origin": {"Account": "acme"}}',
    "Origin.Account": b'{"OrderId": "1-01"}',
}


@pytest.mark.parametrize(("field", "body"), WITHOUT_POINTER.items(), ids=WITHOUT_POINTER)
async def test_a_body_without_its_pointer_is_refused_naming_the_field(
    receiver: Receiver, redis: Redis, field: str, body: bytes
) -> None:
    endpoint = Endpoint()
    await publish(redis, endpoint)
    answer = await receiver.post(endpoint, body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


async def test_a_suspended_tenants_call_is_ignored_and_leaves_a_gap_mark(receiver: Receiver, redis: Redis) -> None:
    endpoint = Endpoint(tenant_status="suspended")
    await publish(redis, endpoint)
    answer = await receiver.post(endpoint)
    assert (answer.status_code, answer.json()) == (200, {"success": True, "ignored": "tenant_suspended"})

    async def is_marked() -> bool:
        return bool(await send_command(redis, "HEXISTS", "gaps", f"{ACME}|3|orders"))

    await wait_until(is_marked)
    assert await read_queue(redis) == []


async def test_a_full_queue_asks_vtex_to_come_back_and_tells_a_trigger_nothing(
    valkey: EmbeddedValkey, redis: Redis, tmp_path: Path
) -> None:
    hook, trigger = Endpoint(), Endpoint(kind="customer_trigger")
    await publish(redis, hook, trigger)
    async with start_receiver(valkey.url, tmp_path, queue_events_max=1) as receiver:
        assert (await receiver.post(hook)).status_code == 200
        full = await receiver.post(hook)
        assert full.status_code == 429
        assert int(full.headers["retry-after"]) > 0
        ignored = await receiver.post(trigger, b'{"id": "c-1"}')
        assert (ignored.status_code, ignored.json()) == (200, {"success": True, "ignored": "queue_full"})

        async def is_marked() -> bool:
            return set(await send_command(redis, "HKEYS", "gaps")) == {b"56|3|orders", b"56|3|customers"}

        await wait_until(is_marked)
        assert await receiver.count("queue_full") == 2
    assert len(await read_queue(redis)) == 1


async def test_a_trigger_may_point_in_its_query_its_body_or_both(receiver: Receiver, redis: Redis) -> None:
    endpoint = Endpoint(kind="customer_trigger")
    await publish(redis, endpoint)
    body = {"id": "AB-1", "email": "ana@example.com", "accountName": "acme", "updatedIn": "2026-01-02T03:04:05Z"}
    calls = [
        await receiver.post(endpoint, orjson.dumps(body)),
        await receiver.client.get(endpoint.path, params={"id": "CL-2", "action": "delete"}),
        await receiver.client.post(endpoint.path, params={"remove": "true"}, content=b'{"id": "3"}'),
    ]
    assert [call.status_code for call in calls] == [200, 200, 200]
    queued = [(event["o"], event["x"]) for _, event in await read_queue(redis)]
    assert queued == [("ab-1", "upsert"), ("2", "delete"), ("3", "delete")]
    assert "example.com" not in str(await read_queue(redis))


async def test_a_trigger_of_another_account_or_without_its_pointer_is_not_taken(
    receiver: Receiver, redis: Redis
) -> None:
    endpoint = Endpoint(kind="customer_trigger")
    await publish(redis, endpoint)
    other = await receiver.post(endpoint, b'{"id": "1", "accountName": "globex"}')
    assert other.json() == {"success": True, "ignored": "account_not_listed"}
    unfilled = await receiver.post(endpoint, b'{"id": "{!id}"}')
    assert (unfilled.status_code, unfilled.json()["errors"][0]["field"]) == (422, "id")
    assert await read_queue(redis) == []


DOCUMENT = orjson.dumps(
    {"type": "customer.upsert", "data": {"external_id": "c-1", "email": "canary@example.com",
     "source_updated_at": "2026-01-02T03:04:05Z"}}
)  # fmt: skip


async def test_an_inline_document_is_sealed_to_its_tenant_before_it_is_queued(
    receiver: Receiver, redis: Redis, valkey: EmbeddedValkey
) -> None:
    endpoint = Endpoint(kind="inline")
    await publish(redis, endpoint)
    answer = await receiver.post(endpoint, DOCUMENT, endpoint.sign(DOCUMENT))
    assert answer.status_code == 200
    ((event_id, body),) = await read_queue(redis)
    event = decode_event(event_id, orjson.dumps(body))
    assert (event.form, event.kind, event.action, event.object_id) == ("inline", "customer", "upsert", "c-1")
    assert event.signed_at is not None
    assert event.stamp is not None
    info = inline_info(ACME, "brand", "customer", "c-1", event_id)
    assert open_inline([endpoint.private_key], info, event.sealed or b"") == DOCUMENT
    for path in (valkey.data_folder).rglob("*"):
        assert not path.is_file() or b"canary@example.com" not in path.read_bytes()


async def test_an_inline_call_that_is_not_signed_now_by_a_valid_secret_is_refused(
    receiver: Receiver, redis: Redis
) -> None:
    endpoint = Endpoint(kind="inline")
    await publish(redis, endpoint)
    good = endpoint.sign(DOCUMENT)
    for body, headers in [
        (DOCUMENT, {}),
        (DOCUMENT + b" ", good),
        (DOCUMENT, endpoint.sign(DOCUMENT, at=1_700_000_000)),
        (DOCUMENT, Endpoint(kind="inline").sign(DOCUMENT)),
        (DOCUMENT, good | {"webhook-id": "msg_2"}),
        (PING, {}),
    ]:
        answer = await receiver.post(endpoint, body, headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert await read_queue(redis) == []


async def test_both_signing_secrets_of_a_rotation_are_valid(receiver: Receiver, redis: Redis) -> None:
    endpoint = Endpoint(kind="inline")
    endpoint.secrets.append(Endpoint(kind="inline").secrets[0])
    await publish(redis, endpoint)
    for secret in endpoint.secrets:
        assert (await receiver.post(endpoint, DOCUMENT, endpoint.sign(DOCUMENT, secret=secret))).status_code == 200


INLINE_PROBLEMS = {
    "$": b"[]",
    "type": b'{"type": "customer.merge", "data": {"external_id": "1"}}',
    "data": b'{"type": "customer.upsert"}',
    "data.external_id": b'{"type": "order.delete", "data": {}}',
}


@pytest.mark.parametrize(("field", "body"), INLINE_PROBLEMS.items(), ids=INLINE_PROBLEMS)
async def test_an_inline_document_without_its_pointer_is_refused_naming_the_field(
    receiver: Receiver, redis: Redis, field: str, body: bytes
) -> None:
    endpoint = Endpoint(kind="inline")
    await publish(redis, endpoint)
    answer = await receiver.post(endpoint, body, endpoint.sign(body))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


async def test_other_methods_and_addresses_are_told_so(receiver: Receiver, redis: Redis) -> None:
    endpoint = Endpoint()
    await publish(redis, endpoint)
    assert (await receiver.client.put(endpoint.path)).status_code == 405
    assert (await receiver.client.get(endpoint.path, headers=endpoint.headers())).status_code == 405
    for path in ("/webhooks/vtex", "/webhooks/vtex/", f"{endpoint.path}/more", "/none"):
        assert (await receiver.client.post(path)).status_code == 404


async def test_refusals_are_kept_to_be_shown(receiver: Receiver, redis: Redis) -> None:
    endpoint = Endpoint(tenant_id=99)  # of its own: the receiver still writes what other tests made it refuse
    await publish(redis, endpoint)
    await receiver.post(endpoint, b"not json")
    await receiver.post(endpoint, headers={"X-Acequia-Secret": "wrong"})

    async def is_kept() -> bool:
        return int(await send_command(redis, "LLEN", "refusals:last:99")) == 2

    await wait_until(is_kept)
    shown = [orjson.loads(text) for text in await send_command(redis, "LRANGE", "refusals:last:99", 0, -1)]
    assert [(refusal["reason"], refusal["kind"]) for refusal in shown] == [
        ("wrong_secret", "order_hook"), ("malformed_json", "order_hook"),
    ]  # fmt: skip
    assert {refusal["from"] for refusal in shown} == {"127.0.0.0/24"}, "the network, and not who in it"
    (day,) = [key async for key in redis.scan_iter(match="refusals:2*")]
    assert await send_command(redis, "HGET", day, "99|order_hook|wrong_secret") == b"1"
    assert await redis.ttl(day) > 0


async def test_no_token_or_secret_stands_in_a_log_a_metric_a_refusal_or_an_error(
    receiver: Receiver, redis: Redis
) -> None:
    endpoint, inline = Endpoint(), Endpoint(kind="inline")
    known = make_endpoint_token(KEYS.checksum_key)
    await publish(redis, endpoint, inline)
    answers = [
        await receiver.post(endpoint),
        await receiver.post(endpoint, b"[" * 10_000),
        await receiver.post(endpoint, headers={"X-Acequia-Secret": "guessed-secret-1"}),
        await receiver.client.post(f"/webhooks/vtex/{known}", content=make_hook()),
        await receiver.post(inline, DOCUMENT, inline.sign(DOCUMENT)),
        await receiver.post(inline, b'{"type": "canary@example.com"}', inline.sign(b'{"type": "canary@example.com"}')),
        await receiver.client.get("/metrics"),
        await receiver.client.get("/readyz"),
    ]
    keys = [key async for key in redis.scan_iter(match="refusals:*")]
    places = [receiver.read_log(), *(answer.text for answer in answers), *map(str, keys)]
    for hidden in (
        endpoint.token,
        *endpoint.secrets,
        inline.token,
        *inline.secrets,
        known,
        "guessed-secret-1",
        "canary@",
    ):
        assert not any(hidden in place for place in places)
