"""A batch that was prepared while others wrote ends as one that was not."""

from collections.abc import Sequence
from typing import Any

import pytest

from app.services import upsert
from app.services.apply import Applied, Observation, apply_batch
from app.services.customer_room import WriteLimits
from app.services.prepare import Prepared, prepare_batch
from app.services.sealed_rows import Sealer, State
from db.counters import list_counters
from db.pool import Database
from tests.integration.db.cast import ACME, NOW, at, make_customer, make_keys, make_observation, make_order, open_all

KEYS = make_keys()
PLENTY = 10**15


def told(external_id: str, seconds: float = 0, **fields: Any) -> Observation:
    return make_observation(make_customer(external_id, source_updated_at=at(seconds), **fields), seconds=seconds)


async def apply(
    database: Database, *observations: Observation, prepared: Prepared | None = None, customers: int = PLENTY
) -> Applied:
    limits = WriteLimits(customers, PLENTY)
    return await apply_batch(
        database, KEYS, (), observations, now=NOW, limits=limits, integration_id=1, prepared=prepared
    )


async def read_names(superuser: Any, database: Database, *ids: str) -> list[str | None]:
    found = await open_all(database, superuser, KEYS, ids)
    return [getattr(one.known.record, "first_name", None) for one in found]


async def test_a_prepared_page_is_stored_and_counted_like_any_other(database: Database, superuser: Any) -> None:
    page = [told("c-1"), told("c-2", email="ana@example.org"), make_observation(make_order())]
    applied = await apply(database, *page, prepared=await prepare_batch(database, KEYS, page))
    assert (applied.changed, applied.created) == (3, 3)
    again = await apply(database, *page, prepared=await prepare_batch(database, KEYS, page))
    assert again.changed == 0
    async with database.tenant_tx(ACME, "test") as connection:
        counters = await list_counters(connection, ACME)
    assert (counters["customers"], counters["orders"]) == (2, 1)


async def test_what_is_held_already_is_not_sealed_beforehand(
    database: Database, superuser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed: list[str] = []
    make_rows = upsert.CUSTOMERS.make_rows

    def note(sealer: Sealer, states: Sequence[State]) -> Any:
        sealed.extend(state.key.external_id for state in states)
        return make_rows(sealer, states)

    await apply(database, told("c-1"))
    monkeypatch.setattr("app.services.prepare.CUSTOMERS", upsert.CUSTOMERS._replace(make_rows=note))
    await prepare_batch(database, KEYS, [told("c-1"), told("c-2")])
    assert sealed == ["c-2"]


@pytest.mark.parametrize(("seconds", "name"), [(5, "Live"), (1, "Page")])
async def test_the_newest_stands_if_a_live_batch_comes_between(
    database: Database, superuser: Any, seconds: float, name: str
) -> None:
    page = [told("c-1", 3, first_name="Page"), told("c-2", 3, first_name="Page")]
    prepared = await prepare_batch(database, KEYS, page)
    await apply(database, told("c-1", seconds, first_name="Live"))
    applied = await apply(database, *page, prepared=prepared)
    assert applied.changed == (1 if name == "Live" else 2)
    assert await read_names(superuser, database, "c-1", "c-2") == [name, "Page"]


async def test_a_partial_document_is_merged_into_what_came_between(database: Database, superuser: Any) -> None:
    page = [told("c-1", 5, first_name="Anahí", missing=("last_name",))]
    prepared = await prepare_batch(database, KEYS, page)
    await apply(database, told("c-1", 1, first_name="Ana", last_name="Paz"))
    await apply(database, *page, prepared=prepared)
    [found] = await open_all(database, superuser, KEYS, ["c-1"])
    assert found.known.record == make_customer("c-1", source_updated_at=at(5), first_name="Anahí", last_name="Paz")


async def test_at_the_limit_whoever_was_stored_in_between_goes_on(database: Database, superuser: Any) -> None:
    page = [told("c-1", 5, first_name="Page"), told("c-2", 5)]
    prepared = await prepare_batch(database, KEYS, page)
    await apply(database, told("c-1", 1))
    applied = await apply(database, *page, prepared=prepared, customers=1)
    assert {key.external_id for key in applied.kept_out} == {"c-2"}
    assert await read_names(superuser, database, "c-1") == ["Page"]
