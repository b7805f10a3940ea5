"""What the demo tells the sandbox of its stores: volumes of the document, the same stores at every start."""

from datetime import UTC, datetime, timedelta

import pytest

from scripts.stack.demo_trial import make_observations
from scripts.stack.demo_volumes import CUSTOMERS, TRIAL, find_stock
from tests.integration.sandbox.remote import Sandbox

CREATED_AT = datetime(2026, 10, 1, 12, 30, 0, 654_321, tzinfo=UTC)


def test_at_full_scale_the_volumes_are_the_documents() -> None:
    stock = find_stock(56, 1.0, CREATED_AT)
    assert (stock["customers"], stock["orders"]) == (65_226, 200_000)
    assert sum(find_stock(tenant_id, 1.0, CREATED_AT)["customers"] for tenant_id in CUSTOMERS) == 150_022


@pytest.mark.parametrize("tenant_id", CUSTOMERS)
def test_a_small_store_is_never_empty(tenant_id: int) -> None:
    stock = find_stock(tenant_id, 0.0001, CREATED_AT)
    assert stock["customers"] == (CUSTOMERS[TRIAL] if tenant_id == TRIAL else 40)
    assert stock["orders"] == 20


async def test_the_trials_customers_are_those_of_its_store(sandbox: Sandbox) -> None:
    account = f"trial-{sandbox.acme}"
    await sandbox.put_account(account, **find_stock(TRIAL, 0.01, CREATED_AT))
    page = await sandbox.control("GET", f"fingerprints?account={account}&kind=customer&limit=2000")
    there = {row["external_id"]: datetime.fromisoformat(row["source_updated_at"]) for row in page["rows"]}
    records = [observation.record for observation in make_observations(account, CREATED_AT, datetime.now(UTC))]
    assert there == {record.external_id: record.source_updated_at for record in records}
    assert len(there) == 1_286
    assert max(there.values()) <= CREATED_AT
    assert min(there.values()) > CREATED_AT - timedelta(days=731)


async def test_the_demos_lists_lag_as_vtex_does(sandbox: Sandbox) -> None:
    account = f"lagging-{sandbox.acme}"
    await sandbox.put_account(account, **find_stock(56, 0.01, CREATED_AT))
    body = {"account": account, "kind": "order", "action": "create", "count": 3}
    await sandbox.control("POST", "mutate", body)
    path = "/api/oms/pvt/orders"
    assert (await sandbox.call(account, "GET", path))[1]["paging"]["total"] == 2_000
    await sandbox.control("POST", "clock", {"advance_s": 241})
    assert (await sandbox.call(account, "GET", path))[1]["paging"]["total"] == 2_003
