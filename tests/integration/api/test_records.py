"""Customers and orders over the API: what is shown to whom, how they are found, and what of it is audited."""

import json
from typing import Any

import pytest

from db.pool import Database
from tests.integration.api.conftest import ACME, GLOBEX, Cast, read
from tests.integration.api.stock import (
    CANARIES,
    SLASHED,
    T0,
    count_statements,
    list_ids,
    make_customer,
    make_order,
    store,
    store_both,
    walk,
)

CUSTOMERS, ORDERS = f"/tenants/{ACME}/customers", f"/tenants/{ACME}/orders"


async def test_what_is_masked_holds_no_personal_value(cast: Cast, database: Database) -> None:
    await store_both(cast, database, make_customer(), make_order())
    async with cast.client(ACME, "analyst") as client:
        answers = [
            await client.get(path, params=params)
            for path in (CUSTOMERS, ORDERS)
            for params in ({}, {"external_id": "c-1"}, {"external_id": "o-1"})
        ]
        answers.append(await client.get(ORDERS, params={"customer": "c-1", "include_items": True}))
        customer, order = (read(answers[place])["data"][0] for place in (0, 3))
        answers += [await client.get(f"{CUSTOMERS}/{customer['id']}"), await client.get(f"{ORDERS}/{order['id']}")]
    assert sum(len(read(answer)["data"]) > 0 for answer in answers) == 7
    text = "".join(answer.text for answer in answers).casefold()
    assert not [canary for canary in CANARIES if canary.casefold() in text]
    assert (customer["email"], customer["first_name"], customer["document"], customer["phones"]) == (
        "q…@e….org", "X…", "…56", ["…67"],
    )  # fmt: skip
    assert customer["is_masked"] is True
    assert customer["accepts_marketing"] is True


async def test_who_may_reveal_sees_it_all_and_each_time_is_audited(cast: Cast, database: Database) -> None:
    await store_both(cast, database, make_customer(), make_order())
    async with cast.client(ACME, "admin") as admin, cast.client(ACME, "operator") as operator:
        page = read(await admin.get(CUSTOMERS, params={"reveal": True}))
        one = read(await admin.get(f"{ORDERS}/{read(await admin.get(ORDERS))['data'][0]['id']}?reveal=true"))["data"]
        for path in (CUSTOMERS, f"{ORDERS}/{one['id']}"):
            assert read(await operator.get(path, params={"reveal": True}), 403)["code"] == "forbidden"
        entries = read(await admin.get(f"/tenants/{ACME}/audit"))["data"]
    assert page["data"][0]["email"] == "quetzalcoatl@example.org"
    assert page["data"][0]["birth_date"] == "1987-06-05"
    assert one["buyer"]["first_name"] == "Xochiquetzal"
    assert (one["items"][0]["sku"], one["items"][0]["quantity"]) == ("A", 2)
    assert one["shipping_address"]["street"] == "Calle Luna"
    told = [
        (entry["action"], entry["object_kind"], entry["object_id"], entry["details"])
        for entry in entries
        if entry["action"].startswith("records.")
    ]
    assert told == [
        ("records.revealed", "orders", one["id"], {"rows": 1}),
        ("records.revealed", "customers", "page", {"rows": 1, "filters": []}),
    ]


@pytest.mark.parametrize(
    "by",
    [
        {"email": " Quetzalcoatl@EXAMPLE.org "},
        {"phone": "011 4123-4567"},
        {"document": "30.123.456", "document_type": "DNI"},
        {"document": "30123456"},
    ],
)
async def test_customers_are_found_by_what_is_known_of_them(cast: Cast, database: Database, by: dict[str, str]) -> None:
    other = {"email": "other@example.org", "phones": (), "document": "28999111", "profile_id": None}
    await store_both(cast, database, make_customer(), make_customer("c-2", **other), make_customer("c-3"))
    async with cast.client(ACME, "admin") as admin, cast.client(ACME, "analyst") as analyst:
        assert list_ids(await walk(admin, CUSTOMERS, limit=1, **by)) == ["c-1", "c-3"]
        assert read(await analyst.get(CUSTOMERS, params=by), 403)["code"] == "forbidden"
        entries = read(await admin.get(f"/tenants/{ACME}/audit"))["data"]
    searches = [entry for entry in entries if entry["action"] == "records.searched"]
    assert [search["details"] for search in searches] == [{"rows": 1, "filters": sorted(by)}] * 2
    assert not [value for value in by.values() if value in json.dumps(searches)]


async def test_a_customer_is_found_whose_index_was_made_with_an_older_key(cast: Cast, database: Database) -> None:
    await store(cast.office, database, ACME, make_customer())
    await cast.office.keyring.rotate(ACME, "index")
    await store(cast.office, database, ACME, make_customer("c-2"))
    async with cast.client(ACME, "admin") as client:
        found = await walk(client, CUSTOMERS, email="quetzalcoatl@example.org")
    assert list_ids(found) == ["c-1", "c-2"]


async def test_a_customers_orders_are_those_that_share_an_identity(cast: Cast, database: Database) -> None:
    nobody: dict[str, Any] = {"buyer": None}
    await store_both(cast, database, make_customer(), make_order("o-1"), make_order("o-2"), make_order("o-3", **nobody))
    async with cast.client(ACME, "analyst") as client:
        assert list_ids(await walk(client, ORDERS, limit=1, customer="c-1")) == ["o-1", "o-2"]
        assert list_ids(await walk(client, ORDERS, customer="c-1", status="canceled")) == []
        assert list_ids(await walk(client, ORDERS, customer="c-1", account="elsewhere")) == []
        assert list_ids(await walk(client, ORDERS, customer="c-9")) == []


async def test_an_id_of_any_form_leads_to_its_record(cast: Cast, database: Database) -> None:
    await store(cast.office, database, ACME, make_order(SLASHED), make_order("o-1"))
    await store(cast.office, database, ACME, make_order(SLASHED, status="canceled"), account="a-franchise")
    longest = make_order("ñ" * 200)
    await store(cast.office, database, ACME, longest)
    async with cast.client(ACME, "analyst") as client:
        both = await walk(client, ORDERS, external_id=SLASHED, limit=1)
        one = await walk(client, ORDERS, external_id=SLASHED, account="store")
        rows = [row for page in (*both, *one) for row in page["data"]]
        shown = [read(await client.get(f"{ORDERS}/{row['id']}"))["data"] for row in rows]
        [row] = read(await client.get(ORDERS, params={"external_id": longest.external_id}))["data"]
        assert read(await client.get(f"{ORDERS}/{row['id']}"))["data"]["external_id"] == longest.external_id
        for wrong in ("x", "Ww", "W10", "WzEsMiwzXQ", "ñ", "é" * 400, "o-1"):
            assert read(await client.get(f"{ORDERS}/{wrong}"), 404)["code"] == "not_found"
    assert [(row["account"], row["status"]) for row in shown] == [
        ("a-franchise", "canceled"),
        ("store", "invoiced"),
        ("store", "invoiced"),
    ]
    assert {row["external_id"] for row in shown} == {SLASHED}


async def test_each_record_says_its_source_and_times(cast: Cast, database: Database) -> None:
    await store(cast.office, database, ACME, make_customer(gender=None, missing=("gender",)), make_order())
    async with cast.client(ACME, "analyst") as client:
        customer, order = read(await client.get(CUSTOMERS))["data"][0], read(await client.get(ORDERS))["data"][0]
    stamp = T0.isoformat().replace("+00:00", "Z")
    for row in (customer, order):
        assert (row["source"], row["account"], row["source_updated_at"], row["observed_at"]) == (
            "vtex", "store", stamp, stamp,
        )  # fmt: skip
        assert row["revision"] == 0
    assert (customer["values_from"], order["values_from"]) == ({"gender": None}, {})
    assert order["items"] is None
    assert order["item_count"] == 1


async def test_neither_tenant_sees_what_the_other_holds(cast: Cast, database: Database) -> None:
    await store_both(cast, database, make_customer(), make_order())
    await store(cast.office, database, GLOBEX, make_customer("z-globex"), make_order("z-globex"))
    async with cast.client(ACME, "admin") as acme, cast.client(GLOBEX, "admin") as globex:
        for path in ("customers", "orders"):
            ours, theirs = f"/tenants/{ACME}/{path}", f"/tenants/{GLOBEX}/{path}"
            assert len(list_ids(await walk(acme, ours))) == 1
            assert len(list_ids(await walk(globex, theirs))) == 2
            foreign = read(await globex.get(theirs))["data"][-1]["id"]
            assert read(await acme.get(f"{ours}/{foreign}"), 404)["code"] == "not_found"
            assert read(await acme.get(f"{theirs}/{foreign}"), 404)["code"] == "not_found"
            assert read(await acme.get(theirs), 404)["code"] == "not_found"
        found = await walk(acme, f"/tenants/{ACME}/customers", email="quetzalcoatl@example.org")
        bought = await walk(acme, f"/tenants/{ACME}/orders", customer="c-1")
    assert (list_ids(found), list_ids(bought)) == (["c-1"], ["o-1"])


async def test_what_was_sealed_with_destroyed_keys_is_gone_and_says_so(cast: Cast, database: Database) -> None:
    await store_both(cast, database, make_customer())
    async with cast.client(ACME, "admin") as client:
        [row] = read(await client.get(CUSTOMERS))["data"]
        await cast.office.keyring.destroy(ACME)
        for path in (CUSTOMERS, ORDERS, f"{CUSTOMERS}/{row['id']}"):
            assert read(await client.get(path), 410)["code"] == "gone"
    async with cast.client(GLOBEX, "admin") as client:
        assert len(read(await client.get(f"/tenants/{GLOBEX}/customers"))["data"]) == 1


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"external_id": "1", "email": "a@example.org"}, "/external_id"),
        ({"account": "store"}, "/account"),
        ({"document_type": "dni"}, "/document_type"),
        ({"email": "nobody"}, "/email"),
        ({"phone": "1"}, "/phone"),
        ({"document": "0"}, "/document"),
        ({"updated_since": "2026-11-01T12:00:00"}, "/updated_since"),
        ({"cursor": "nonsense"}, "/cursor"),
        ({"cursor": "WyIxIiwiXHUwMDAwIiwiMSJd"}, "/cursor"),
        ({"external_id": "1", "cursor": "WyIxIiwiXHUwMDAwIiwiMSJd"}, "/cursor"),
        ({"limit": "0"}, "/limit"),
    ],
)
async def test_what_cannot_be_asked_for_is_named(cast: Cast, params: dict[str, str], pointer: str) -> None:
    async with cast.client(ACME, "admin") as client:
        answer = read(await client.get(CUSTOMERS, params=params), 422)
    assert answer["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_times_at_the_edges_are_times(cast: Cast, since: str) -> None:
    async with cast.client(ACME, "admin") as client:
        for more in ({}, {"external_id": "1"}):
            assert read(await client.get(CUSTOMERS, params={"updated_since": since, **more}))["data"] == []


async def test_a_page_of_fifty_revealed_customers_takes_few_statements(cast: Cast, database: Database) -> None:
    await store(cast.office, database, ACME, *(make_customer(f"c-{number}") for number in range(60)))
    async with cast.client(ACME, "admin") as client:
        read(await client.get(CUSTOMERS))  # keys, caches and the connection's own look at the schema
        async with count_statements(cast.office) as seen:
            page = read(await client.get(CUSTOMERS, params={"reveal": True}))
    assert len(page["data"]) == 50
    ours = [statement for statement in seen if statement.strip().startswith(("SELECT", "WITH", "INSERT", "UPDATE"))]
    # Who calls; the tenant; then one transaction: its token, its time, the page's keys, its rows, the audit entry.
    assert len(ours) <= 9, ours
