"""Whatever a provider or a brand sends: a record that can be stored, or MappingError with a field. Nothing else."""

import copy
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.connectors.brand.mapping import map_inline_document
from app.connectors.facebook_ads.mapping import map_ad_spend as map_facebook_rows
from app.connectors.google_ads.mapping import map_ad_spend as map_google_rows
from app.connectors.mercadolibre.mapping import map_order as map_mercadolibre_order
from app.connectors.reading import INTEGER_MAX, INTEGER_MIN
from app.connectors.vtex.mapping import map_customer, map_order
from app.core.errors import MappingError
from schemas.records import AdSpendRecord, Record
from tests.unit.connectors.documents import make_client_document, make_order_document, read_fixture

INLINE = {
    "type": "order.upsert",
    "timestamp": "2026-01-31T12:00:00Z",
    "data": {
        "external_id": "o-1",
        "source_updated_at": "2026-01-31T12:00:00Z",
        "total_minor": 1000,
        "items": [{"sku": "s", "quantity": 1, "unit_price_minor": 1000}],
        "payments": [{"method": "card", "value_minor": 1000, "installments": 1}],
        "buyer": {"email": "ana@example.com"},
    },
}
MAPPERS: list[tuple[Callable[[object], Record], dict[str, Any]]] = [
    (map_order, make_order_document()),
    (map_customer, make_client_document()),
    (map_inline_document, INLINE),
    (map_mercadolibre_order, read_fixture("mercadolibre/orders/whole")),
]
NAMES = ["order", "customer", "inline", "mercadolibre"]
Rows = list[AdSpendRecord | MappingError]
REPORTS: list[tuple[Callable[[object], Rows], Any]] = [
    (map_google_rows, read_fixture("google_ads/ad_spend/search_page")),
    (map_google_rows, read_fixture("google_ads/ad_spend/stream_of_ad_groups")),
    (map_facebook_rows, read_fixture("facebook_ads/ad_spend/page")),
]
ODD: list[Any] = [
    None, {}, [], "", " ", "\x00", "\ud800", "\udfff\x00x", "x" * 5_000, 0, -1, 2**31, 2**63, -(2**63) - 1, 10**60, 0.5,
    1e300, float("nan"), float("inf"), True, False, "true", "NaN", "0001-01-01T00:00:00", "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00+14:00", [[]], [{}], [None], {"a": {}}, [1, "x", {}], "2026-13-01", "J***", "..", "a@b.c",
]  # fmt: skip


def list_paths(node: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(node, dict):
        for name, value in node.items():
            yield from list_paths(value, (*path, name))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from list_paths(value, (*path, index))


def replace(document: Any, path: tuple[Any, ...], value: object) -> None:
    """Puts the value at the path; a path that an earlier change has cut off changes nothing."""
    for part in path[:-1]:
        try:
            document = document[part]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(document, dict) != isinstance(path[-1], str):
        return  # JSON has no object with numbers for names
    try:
        if value is ...:
            del document[path[-1]]
        else:
            document[path[-1]] = copy.deepcopy(value)
    except (KeyError, IndexError, TypeError):
        return


def check(mapper: Callable[[object], Record], document: object) -> Record | None:
    try:
        record = mapper(document)
    except MappingError as error:
        refusal = error
    else:
        assert_whole(record)
        return record
    assert refusal.field
    str(refusal).encode()
    return None


def assert_whole(record: Record) -> None:
    plain = orjson.loads(orjson.dumps(record.model_dump(mode="json")))
    assert_storable(plain)
    for name in ("source_created_at", "source_updated_at"):
        moment = getattr(record, name)
        assert moment is None or datetime(1970, 1, 1, tzinfo=UTC) <= moment < datetime(2200, 1, 1, tzinfo=UTC)
    assert record.external_id.strip()
    # Mappers leave out the model's own check: it must find nothing, and have the fields in the same order.
    checked = type(record).model_validate(record.model_dump(), strict=True)
    assert checked == record
    assert list(checked.__dict__) == list(record.__dict__)


def assert_storable(value: object) -> None:
    if isinstance(value, dict):
        for item in value.values():
            assert_storable(item)
    elif isinstance(value, list):
        for item in value:
            assert_storable(item)
    elif isinstance(value, str):
        assert "\x00" not in value
        assert len(value.encode()) <= 20_000
    elif isinstance(value, int):
        assert INTEGER_MIN <= value <= INTEGER_MAX
    else:
        assert value is None or isinstance(value, bool), "a float would not be exact"


@pytest.mark.parametrize(("mapper", "document"), MAPPERS, ids=NAMES)
def test_every_node_may_be_missing_or_odd(mapper: Callable[[object], Record], document: dict[str, Any]) -> None:
    mapped = 0
    paths = list(list_paths(document))
    for path in paths:
        for value in (..., *ODD[:12]):
            changed = orjson.loads(orjson.dumps(document))
            replace(changed, path, value)
            mapped += check(mapper, changed) is not None
    assert mapped > len(paths) * (3 if mapper is map_inline_document else 8), "most changes must still give a record"


@pytest.mark.parametrize(("mapper", "document"), MAPPERS, ids=NAMES)
def test_a_missing_null_or_empty_node_of_a_provider_still_gives_a_record(
    mapper: Callable[[object], Record], document: dict[str, Any]
) -> None:
    if mapper is map_inline_document:
        return  # a brand can mend its document: see test_brand_mapping
    for path in list_paths(document):
        if path in (("orderId",), ("id",)):
            continue
        values: tuple[Any, ...] = (..., None, {}, [])
        for value in values:
            changed = copy.deepcopy(document)
            replace(changed, path, value)
            assert check(mapper, changed) is not None, (path, value)


@pytest.mark.parametrize(("mapper", "document"), MAPPERS, ids=NAMES)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_many_odd_nodes_at_once_are_mapped_or_refused_with_a_field(
    mapper: Callable[[object], Record], document: dict[str, Any], data: st.DataObject
) -> None:
    changed = copy.deepcopy(document)
    paths = list(list_paths(document))
    for _ in range(data.draw(st.integers(1, 8))):
        replace(changed, data.draw(st.sampled_from(paths)), data.draw(st.sampled_from([..., *ODD])))
    check(mapper, changed)


@given(st.sampled_from([mapper for mapper, _ in MAPPERS]), st.sampled_from(ODD))
def test_any_top_level_is_mapped_or_refused(mapper: Callable[[object], Record], document: object) -> None:
    check(mapper, document)


def check_rows(mapper: Callable[[object], Rows], document: object) -> Rows:
    try:
        rows = mapper(document)
    except MappingError as error:
        rows = [error]
    for row in rows:
        if isinstance(row, MappingError):
            assert row.field
            str(row).encode()
            continue
        assert_storable(orjson.loads(orjson.dumps(row.model_dump(mode="json"))))
        assert AdSpendRecord.model_validate(row.model_dump(), strict=True) == row
        assert (row.ad_group_id is None) == (row.level == "campaign")
        assert row.account_id.isdecimal() and row.campaign_id.isdecimal()  # noqa: PT018
        assert len(row.currency) == 3
    return rows


@pytest.mark.parametrize(("mapper", "document"), REPORTS, ids=["google", "google_stream", "facebook"])
def test_every_node_of_a_report_may_be_missing_or_odd(mapper: Callable[[object], Rows], document: Any) -> None:
    mapped = 0
    paths = list(list_paths(document))
    for path in paths:
        for value in (..., *ODD):
            changed = orjson.loads(orjson.dumps(document))
            replace(changed, path, value)
            mapped += sum(isinstance(row, AdSpendRecord) for row in check_rows(mapper, changed))
    assert mapped > len(paths) * len(ODD), "most changes must still give a row"


@pytest.mark.parametrize(("mapper", "document"), REPORTS, ids=["google", "google_stream", "facebook"])
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_many_odd_nodes_of_a_report_at_once_give_rows_or_fields(
    mapper: Callable[[object], Rows], document: Any, data: st.DataObject
) -> None:
    changed = copy.deepcopy(document)
    paths = list(list_paths(document))
    for _ in range(data.draw(st.integers(1, 8))):
        replace(changed, data.draw(st.sampled_from(paths)), data.draw(st.sampled_from([..., *ODD])))
    check_rows(mapper, changed)
