from collections import Counter

from app.connectors.contract import Hint
from app.connectors.vtex.webhook import parse_order_hook, parse_trigger
from tests.integration.sandbox.remote import Call, Receiver, Sandbox


def parse(call: Call) -> Hint:
    if call.path.startswith("/hook/"):
        hint = parse_order_hook(call.json)
    else:
        query = {"action": "delete"} if call.path.endswith("?action=delete") else {}
        hint = parse_trigger(query, call.json)
    assert isinstance(hint, Hint)
    return hint


async def test_exactly_so_many_webhooks_are_sent_and_told_apart(sandbox: Sandbox, receiver: Receiver) -> None:
    run = await sandbox.run(events=1_000)
    assert run["done"]
    assert run["error"] is None
    assert (run["sent"], run["calls"], run["accepted"], len(receiver.calls)) == (1_000, 1_000, 1_000, 1_000)
    hints = [parse(call) for call in receiver.calls]
    orders = [hint for hint in hints if hint.kind == "order"]
    assert 600 < len(orders) < 800
    assert {hint.account for hint in hints} == {sandbox.acme, sandbox.globex}
    assert any(hint.action == "delete" for hint in hints)
    repeated = sum(count - 1 for count in Counter(call.body for call in receiver.calls).values())
    assert 50 < repeated < 200


async def test_notices_come_out_of_order(sandbox: Sandbox, receiver: Receiver) -> None:
    # One call at a time, so that the order of arrival is the order of sending.
    await sandbox.run(events=400, mix={"orders": 1, "duplicates": 0, "out_of_order": 0.3}, in_flight=1)
    newest: dict[str, str] = {}
    late = 0
    for call in receiver.calls:
        body = call.json
        late += body["CurrentChange"] < newest.get(body["OrderId"], "")
        newest[body["OrderId"]] = max(newest.get(body["OrderId"], ""), body["CurrentChange"])
    assert late > 30


async def test_without_disorder_there_is_none(sandbox: Sandbox, receiver: Receiver) -> None:
    await sandbox.run(events=200, mix={"orders": 1, "duplicates": 0, "out_of_order": 0}, in_flight=1)
    stamps = [call.json["CurrentChange"] for call in receiver.calls if sandbox.acme in call.path]
    assert stamps == sorted(stamps)
    assert len(set(stamps)) == len(stamps)


async def test_the_same_seed_makes_the_same_series(sandbox: Sandbox, receiver: Receiver) -> None:
    kinds = []
    for _ in range(2):
        receiver.calls.clear()
        await sandbox.run(events=60, seed=7, mix={"orders": 0.5, "customers": 0.5, "duplicates": 0}, in_flight=1)
        kinds.append([call.path.split("/")[1] for call in receiver.calls][:5])
    assert kinds[0] == kinds[1]


async def test_accepted_ids_are_given_by_account(sandbox: Sandbox, receiver: Receiver) -> None:
    run = await sandbox.run(events=50)
    counts = await sandbox.control("GET", f"traffic/{run['id']}/accepted")
    assert sum(counts.values()) == 50
    ids: set[str] = set()
    for account in counts:
        for offset in range(0, counts[account], 10):
            path = f"traffic/{run['id']}/accepted?account={account}&offset={offset}&limit=10"
            ids.update((await sandbox.control("GET", path))["ids"])
    assert len(ids) == 50


async def test_a_steady_rate_is_kept(sandbox: Sandbox) -> None:
    run = await sandbox.run(events=200, rate=400)
    assert run["sent"] == 200
    assert 0.45 < run["sending_s"] < 1.5


async def test_the_truth_of_a_run_is_what_the_documents_show(sandbox: Sandbox) -> None:
    run = await sandbox.run(events=100)
    path = f"expected?account={sandbox.acme}&kind=order&run={run['id']}&limit=5"
    orders = await sandbox.control("GET", path)
    assert orders
    for order in orders:
        _, document = await sandbox.call(sandbox.acme, "GET", f"/api/oms/pvt/orders/{order['external_id']}")
        assert (document["status"], document["value"]) == (order["status"], order["total_minor"])
    customers = await sandbox.control("GET", path.replace("kind=order", "kind=customer").replace("limit=5", "limit=99"))
    for customer in customers:
        path = f"/api/dataentities/CL/documents/{customer['external_id']}?_fields=id,email"
        status, document = await sandbox.call(sandbox.acme, "GET", path)
        assert status == (404 if customer["deleted"] else 200)
        assert customer["deleted"] or document["email"] == customer["email"]


async def test_a_run_that_nobody_hears_says_so(sandbox: Sandbox) -> None:
    run = await sandbox.run(events=5, mix={"inline_customers": 1})
    assert "inline" in run["error"]
    assert run["sent"] == 0


async def test_the_demo_s_traffic_goes_on_until_it_is_stopped(sandbox: Sandbox, receiver: Receiver) -> None:
    receiver.arrived.clear()
    await sandbox.control("POST", "demo", {"rate": 50, "accounts": [sandbox.acme]})
    await receiver.arrived.wait()
    assert (await sandbox.control("GET", ""))["demo"]["sent"] >= 1
    await sandbox.control("DELETE", "demo")
    assert (await sandbox.control("GET", ""))["demo"] is None
