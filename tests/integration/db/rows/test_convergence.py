"""P3: any duplication, delay, permutation or mixture of observations ends in the same rows, dependents included."""

import asyncio
import itertools
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import db.customers
from app.core.identity import identities_of
from app.core.sealing import TenantKeys
from app.services import apply, upsert
from app.services.apply import Observation, apply_batch, make_version
from app.services.merge import list_fields, observe
from app.services.prepare import prepare_batch
from app.services.sealed_rows import Sealer, State, make_customer_rows, to_utc
from db.counters import Writer
from db.customers import CustomerRow, write_customers
from db.pool import Database
from db.versions import Key, Version
from schemas.records import Buyer, CustomerRecord, OrderItem, OrderRecord
from tests.integration.db.cast import ACME, NOW, T0, at, make_customer, make_keys, make_observation, open_all

YEAR_ONE = datetime(1, 1, 1, tzinfo=UTC)
STAMPS = st.sampled_from([None, YEAR_ONE, YEAR_ONE.replace(tzinfo=timezone(timedelta(hours=3))), at(0), at(1), at(2)])
NUMBERS = itertools.count(1)
KEYS = make_keys()


def make_missing(kind: type[CustomerRecord | OrderRecord]) -> st.SearchStrategy[tuple[str, ...]]:
    names = ["first_name", "email", "locale", "phones", "source_created_at"]
    if kind is OrderRecord:
        names = ["status", "items", "buyer", "payments", "total_minor"]
    return st.lists(st.sampled_from(names), unique=True, max_size=4).map(tuple)


@st.composite
def make_records(draw: Any, external_id: str) -> CustomerRecord | OrderRecord:
    kind = draw(st.sampled_from([CustomerRecord, OrderRecord]))
    base: dict[str, Any] = {"external_id": external_id, "source_updated_at": draw(STAMPS)}
    if draw(st.integers(0, 4)) == 0:
        return kind(**base, is_deleted=True)  # type: ignore[no-any-return]
    base["missing"] = draw(st.one_of(st.just(()), make_missing(kind)))
    email = draw(st.sampled_from([None, "ana@example.org", "eva@example.org"]))
    word = draw(st.sampled_from([None, "a", "b"]))
    if kind is CustomerRecord:
        told = {"email": email, "first_name": word, "locale": word, "source_created_at": draw(STAMPS.filter(_is_utc))}
    else:
        items = tuple(OrderItem(sku=f"{word}{n}", quantity=n) for n in range(draw(st.integers(0, 3))))
        told = {"status": word, "items": items, "buyer": Buyer(email=email), "total_minor": draw(st.integers(0, 2**40))}
    values = {name: value for name, value in told.items() if name not in base["missing"] and value is not None}
    return kind(**base, **values)  # type: ignore[no-any-return]


def _is_utc(stamp: datetime | None) -> bool:
    return stamp is None or stamp.tzinfo is UTC


@st.composite
def make_histories(draw: Any) -> list[Observation]:
    records = draw(st.lists(make_records("x"), min_size=1, max_size=6))
    return [
        make_observation(record, seconds=draw(st.integers(0, 3)), mapper_version=draw(st.integers(1, 2)))
        for record in records
    ]


def make_account() -> str:
    """An account of its own for every order that is tried. The content hash, which breaks ties, knows nothing of it."""
    return f"account-{next(NUMBERS)}"


def find_expected(keys: TenantKeys, observations: Sequence[Observation]) -> list[tuple[dict[str, Any], list[Any]]]:
    """What must be held in the end, said as plainly as possible: every field, as its newest teller tells it."""
    expected = []
    for kind in (CustomerRecord, OrderRecord):
        told = [(make_version(keys, o), o.record) for o in observations if isinstance(o.record, kind)]
        if not told:
            continue
        told.sort(key=lambda pair: pair[0])
        version, newest = told[-1]
        values: dict[str, Any] = {"is_deleted": newest.is_deleted, "version": version}
        for name in list_fields(kind):
            tellers = [record for _, record in told if record.is_deleted or name not in record.missing]
            values[name] = getattr(tellers[-1], name) if tellers else kind.model_fields[name].default
        whole = kind(external_id="x", **{name: values[name] for name in list_fields(kind)})
        identities = [] if newest.is_deleted else identities_of(whole, "AR")
        if values["source_created_at"] is not None:
            values["source_created_at"] = to_utc(values["source_created_at"])
        expected.append((values, sorted((k, keys.blind_index(k, form)) for k, form in identities)))
    return expected


async def find_actual(database: Database, superuser: Any, account: str, external_id: str) -> list[Any]:
    actual = []
    for found in await open_all(database, superuser, KEYS, [external_id], account=account):
        record = found.known.record
        values: dict[str, Any] = {"is_deleted": record.is_deleted, "version": found.known.version}
        values |= {name: getattr(record, name) for name in list_fields(type(record))}
        actual.append((values, found.identities))
    return actual


async def apply_in_batches(
    database: Database, observations: Sequence[Observation], sizes: Sequence[int], *, is_prepared: bool = False
) -> None:
    """`is_prepared`: all batches are prepared before the first is written, so what they saw is long past."""
    starts = [0, *itertools.accumulate(sizes), len(observations)]
    batches = [observations[start:end] for start, end in itertools.pairwise(starts) if observations[start:end]]
    prepared = [await prepare_batch(database, KEYS, batch) if is_prepared else None for batch in batches]
    for batch, ready in zip(batches, prepared, strict=True):
        await apply_batch(database, KEYS, [], batch, now=NOW, prepared=ready)


@given(history=make_histories(), data=st.data())
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_every_order_of_observations_ends_in_the_same_rows(
    database: Database, superuser: Any, history: list[Observation], data: st.DataObject
) -> None:
    expected = find_expected(KEYS, history)
    for _ in range(2):
        account = make_account()
        repeated = history + data.draw(st.lists(st.sampled_from(history), max_size=3))
        shuffled = [o._replace(account=account) for o in data.draw(st.permutations(repeated))]
        sizes = data.draw(st.lists(st.integers(1, 3), max_size=6))
        await apply_in_batches(database, shuffled, sizes, is_prepared=data.draw(st.booleans()))
        assert await find_actual(database, superuser, account, "x") == expected


async def find_endings(
    database: Database, superuser: Any, records: Sequence[CustomerRecord], before_each: Any = lambda: None
) -> set[str]:
    """The different rows that the orders of these records end in, applied one by one."""
    endings = set()
    for permuted in itertools.permutations(records):
        account = make_account()
        for record in permuted:
            before_each()
            observation = make_observation(record)._replace(account=account)
            await apply_batch(database, KEYS, [], [observation], now=NOW)
        [found] = await open_all(database, superuser, KEYS, ["c-1"], account=account)
        endings.add(found.known.record.model_dump_json(exclude_defaults=True))
    return endings


FULL = [
    make_customer(first_name="Ana", email="ana@example.org"),
    make_customer(first_name="Eva", source_updated_at=at(1)),
    make_customer(source_updated_at=at(2), is_deleted=True),
]
PARTIAL = [
    make_customer(first_name="Ana", last_name="Paz", locale="es-AR"),
    make_customer(first_name="Eva", source_updated_at=at(1), missing=("last_name", "locale")),
    make_customer(locale="es-UY", source_updated_at=at(2), missing=("first_name", "last_name")),
]
GUARD = """(EXCLUDED.source_updated_at, EXCLUDED.mapper_version, EXCLUDED.observed_at, EXCLUDED.content_hash)
             > (held.source_updated_at, held.mapper_version, held.observed_at, held.content_hash)"""


@pytest.fixture
def blindfold(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Each call makes the next look at what is held see nothing, as when another transaction is just ahead of us."""
    looks = itertools.count(1)

    async def look(connection: Any, tenant_id: int, keys: Any) -> Any:
        return await upsert.CUSTOMERS.find_held(connection, tenant_id, keys) if next(looks) > 1 else {}

    def put_on() -> None:
        nonlocal looks
        looks = itertools.count(1)

    monkeypatch.setattr(apply, "CUSTOMERS", upsert.CUSTOMERS._replace(find_held=look))
    return put_on


async def test_the_statements_guard_alone_makes_the_newest_win(
    database: Database, superuser: Any, blindfold: Callable[[], None]
) -> None:
    [ending] = await find_endings(database, superuser, FULL, blindfold)
    assert '"is_deleted":true' in ending


async def test_without_the_guard_the_last_to_arrive_wins(
    database: Database, superuser: Any, blindfold: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sql = db.customers.SQL["write_customers"]
    assert GUARD in sql
    monkeypatch.setitem(db.customers.SQL, "write_customers", sql.replace(GUARD, "true"))
    assert len(await find_endings(database, superuser, FULL, blindfold)) > 1


MERGED = make_customer(first_name="Eva", last_name="Paz", locale="es-UY", source_updated_at=at(2))


async def test_partial_documents_end_in_one_row_in_every_order(database: Database, superuser: Any) -> None:
    assert await find_endings(database, superuser, PARTIAL) == {MERGED.model_dump_json(exclude_defaults=True)}


async def test_without_merging_partial_documents_do_not(
    database: Database, superuser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upsert, "merge", lambda held, told: max(held, told, key=lambda known: known.version))
    assert await find_endings(database, superuser, PARTIAL) != {MERGED.model_dump_json(exclude_defaults=True)}


async def test_what_many_merge_into_one_row_at_once_is_all_there(database: Database, superuser: Any) -> None:
    names = ("first_name", "last_name", "locale", "gender", "trade_name", "customer_class")
    tellers = [
        make_customer(
            "m", first_name=None, source_updated_at=at(n), missing=[f for f in list_fields(CustomerRecord) if f != name]
        ).model_copy(update={name: f"told {n}"})
        for n, name in enumerate(names)
    ]
    await asyncio.gather(
        *(apply_batch(database, KEYS, [], [make_observation(record)], now=NOW) for record in tellers * 2)
    )
    [found] = await open_all(database, superuser, KEYS, ["m"])
    assert [getattr(found.known.record, name) for name in names] == [f"told {n}" for n in range(len(names))]


async def test_a_drain_and_a_sync_over_the_same_rows_do_not_lock_each_other_out(
    database: Database, superuser: Any
) -> None:
    for number in range(10):
        await cross(database, number)
    assert await superuser.fetchval("SELECT count(*) FROM customers") == 1_000


async def test_unsorted_they_would(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db.customers, "sorted", lambda rows, **_: list(rows), raising=False)

    async def cross_often() -> None:
        for number in range(50):
            await cross(database, number)

    with pytest.raises(asyncpg.DeadlockDetectedError):
        await cross_often()


async def cross(database: Database, number: int) -> None:
    """Two transactions write the same thousand rows at once, in opposite orders."""
    states = [
        State(key, observe(make_customer(key.external_id), version))
        for n in range(1_000)
        for key in [Key("vtex", "acmestore", f"d-{n:04}")]
        for version in [Version(at(number), 1, T0, bytes(16))]
    ]
    rows = make_customer_rows(Sealer(KEYS, "AR"), states)
    is_ready = asyncio.Barrier(2)

    async def write(ordered: list[CustomerRow]) -> None:
        async with database.tenant_tx(ACME, "test") as connection:
            await is_ready.wait()
            await write_customers(connection, ACME, ordered)

    await asyncio.gather(write(rows), write(rows[::-1]))


async def test_batches_over_the_same_objects_all_come_through(database: Database, superuser: Any) -> None:
    """Whole batches of a drain and a sync, partial documents among them: nothing refused, everything as expected."""
    randomness = random.Random(1)
    records = [
        make_customer(
            f"b-{n % 30}",
            first_name=f"Ana {n}",
            source_updated_at=at(n % 7),
            missing=("locale", "email") if randomness.random() < 0.2 else (),
        )
        for n in range(300)
    ]
    batches = [[make_observation(r, seconds=n) for n, r in enumerate(records) if n % 6 == part] for part in range(6)]
    writers: list[Writer] = ["live", "bulk"]
    await asyncio.gather(
        *(apply_batch(database, KEYS, [], batch, writer=writers[n % 2], now=NOW) for n, batch in enumerate(batches))
    )
    for number in (0, 7, 29):
        told = [o for batch in batches for o in batch if o.record.external_id == f"b-{number}"]
        [(values, _)] = await find_actual(database, superuser, "acmestore", f"b-{number}")
        [(wanted, _)] = find_expected(KEYS, told)
        assert values == wanted
