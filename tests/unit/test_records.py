"""What is cut out of a record's JSON is what its model writes of the same fields."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import Address, Buyer, CustomerRecord, OrderRecord, cut_personal, write_json

TEXTS = st.none() | st.sampled_from(['"', '","email":', "\\", ',"buyer":{"', "{}", "ñ\n"]) | st.text(max_size=8)
ADDRESSES = st.builds(Address, street=TEXTS, city=TEXTS)
CUSTOMERS = st.builds(
    CustomerRecord,
    external_id=st.text(max_size=8) | st.just(',"email":'),
    source_updated_at=st.none() | st.just(datetime(2026, 1, 1, tzinfo=UTC)),
    missing=st.lists(st.sampled_from(["email", "phones"]), max_size=2).map(tuple),
    accepts_marketing=st.none() | st.booleans(),
    locale=TEXTS,
    customer_class=TEXTS,
    profile_id=TEXTS,
    email=TEXTS,
    phones=st.lists(st.text(max_size=4), max_size=2).map(tuple),
    birth_date=st.none() | st.just(date(1990, 2, 3)),
    trade_name=TEXTS,
    addresses=st.lists(ADDRESSES, max_size=2).map(tuple),
)
ORDERS = st.builds(
    OrderRecord,
    external_id=st.text(max_size=8),
    status=TEXTS,
    sellers=st.lists(st.just(',"buyer":'), max_size=1).map(tuple),
    buyer=st.none() | st.builds(Buyer, email=TEXTS),
    shipping_address=st.none() | ADDRESSES,
    cancel_reason=TEXTS,
)


@given(CUSTOMERS | ORDERS)
def test_what_is_cut_out_is_what_the_model_writes_of_the_personal_fields(record: CustomerRecord | OrderRecord) -> None:
    written = record.model_dump_json(include=set(record.PERSONAL), exclude_defaults=True).encode()
    assert cut_personal(record, write_json(record)) == written


@pytest.mark.parametrize("kind", [CustomerRecord, OrderRecord])
def test_a_record_without_personal_fields_gives_an_empty_object(kind: type[CustomerRecord] | type[OrderRecord]) -> None:
    record = kind(external_id="1")
    assert cut_personal(record, write_json(record)) == b"{}"
