"""What an answer of 206 leaves out keeps what is known: MercadoLibre's orders through their mapper and the merge."""

import itertools
from datetime import timedelta
from typing import Any

import pytest

from app.connectors.mercadolibre.mapping import MAPPER_VERSION, map_order
from app.services.apply import Observation, apply_batch
from app.services.upsert import open_held_orders
from db.pool import Database
from db.versions import Key
from schemas.records import OrderRecord
from tests.integration.db.cast import ACME, NOW, at, make_keys
from tests.unit.connectors.documents import read_fixture

NAMES = ("whole", "partial_content", "shipment_unread", "address_hidden")


def observe(name: str, seconds: float, **changes: Any) -> Observation:
    record = map_order({**read_fixture(f"mercadolibre/orders/{name}"), **changes})
    return Observation("mercadolibre", "880022", record, MAPPER_VERSION, at(seconds))


async def read_order(superuser: Any, database: Database, keys: Any) -> OrderRecord:
    key = Key("mercadolibre", "880022", "2000011223344556")
    async with database.tenant_tx(ACME, "test") as connection:
        (known, _) = (await open_held_orders(connection, keys, [key]))[key]
    assert await superuser.fetchval("SELECT source FROM orders") == "mercadolibre"
    assert isinstance(known.record, OrderRecord)
    return known.record


@pytest.mark.parametrize("order", list(itertools.permutations(range(len(NAMES)))), ids=repr)
async def test_parts_that_were_told_once_stay_in_any_order(
    database: Database, superuser: Any, order: tuple[int, ...]
) -> None:
    keys = make_keys()
    # All of one stamp, each seen a second after the one before; the last ones tell less.
    stamp = {"last_updated": "2026-10-06T00:00:00.000-04:00"}
    told = [observe(name, seconds, **stamp) for seconds, name in enumerate(NAMES)]
    for index in order:
        await apply_batch(database, keys, [], [told[index]], now=NOW)
    record = await read_order(superuser, database, keys)
    whole = told[0].record
    assert isinstance(whole, OrderRecord)
    assert record.shipping_address == whole.shipping_address
    assert record.sellers == whole.sellers
    assert record.shipping_minor == 200_000
    # "address_hidden" is newest, and told a buyer: by id alone, as whoever reads without billing-info does.
    assert record.buyer is not None
    assert record.buyer.profile_id == "330011"
    assert record.missing == ()


async def test_a_buyer_that_is_left_out_stays_known_when_the_order_changes(database: Database, superuser: Any) -> None:
    keys = make_keys()
    later = {"last_updated": "2026-11-01T00:00:00.000-04:00", "status": "partially_refunded"}
    await apply_batch(database, keys, [], [observe("whole", 0)], now=NOW)
    await apply_batch(database, keys, [], [observe("partial_content", 60, **later)], now=NOW + timedelta(minutes=1))
    record = await read_order(superuser, database, keys)
    assert record.status == "partially_refunded"
    assert record.buyer is not None
    assert (record.buyer.first_name, record.buyer.document) == ("Lucía", "28999111")
    assert record.shipping_address is not None
