"""P3: any duplication, delay, permutation or mixture of observations ends in the same rows, dependents included."""

import asyncio
import itertools
import random
from collections.abc import Sequence
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
from app.services.merge import list_fields
from db.pool import Database
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


def rename(observation: Observation, external_id: str) -> Observation:
    return observation._replace(record=observation.record.model_copy(update={"external_id": external_id}))


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
        expected.append((values, sorted((k, keys.blind_index(k, form)) for k, form in identities)))
    return expected


async def find_actual(database: Database, superuser: Any, keys: TenantKeys, external_id: str) -> list[Any]:
    actual = []
    for found in await open_all(database, superuser, keys, [external_id]):
        record = found.known.record
        values: dict[str, Any] = {"is_deleted": record.is_deleted, "version": found.known.version}
        values |= {name: getattr(record, name) for name in list_fields(type(record))}
        actual.append((values, found.identities))
    return actual


async def apply_in_batches(database: Database, observations: Sequence[Observation], sizes: Sequence[int]) -> None:
    start = 0
    for size in [*sizes, len(observations)]:
        if batch := observations[start : start + size]:
            await apply_batch(database, KEYS, [], batch, now=NOW)
        start += size


@given(history=make_histories(), data=st.data())
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_every_order_of_observations_ends_in_the_same_rows(
    database: Database, superuser: Any, history: list[Observation], data: st.DataObject
) -> None:
    expected = find_expected(KEYS, [rename(o, "x") for o in history])
    for _ in range(2):
        external_id = f"x-{next(NUMBERS)}"
        repeated = history + data.draw(st.lists(st.sampled_from(history), max_size=3))
        shuffled = [rename(o, external_id) for o in data.draw(st.permutations(repeated))]
        await apply_in_batches(database, shuffled, data.draw(st.lists(st.integers(1, 3), max_size=6)))
        actual = await find_actual(database, superuser, KEYS, external_id)
        for (values, identities), (wanted, wanted_identities) in zip(actual, expected, strict=True):
            # The hash is keyed over the whole record, with its id, which differs here on purpose.
            assert values.pop("version")[:3] == wanted["version"][:3]
            assert values == {name: value for name, value in wanted.items() if name != "version"}
            assert identities == wanted_identities


def make_permuted(records: Sequence[CustomerRecord]) -> list[list[Observation]]:
    """Every order of these records, each with an object of its own."""
    observations = [make_observation(record, seconds=number) for number, record in enumerate(records)]
    return [
        [rename(o, f"p-{next(NUMBERS)}-{number}") for number in [next(NUMBERS)] for o in permuted]
        for permuted in itertools.permutations(observations)
    ]


async def count_endings(database: Database, superuser: Any, permuted: list[list[Observation]]) -> int:
    """How many different rows the orders end in, applied one by one."""
    endings = set()
    for observations in permuted:
        external_id = f"p-{next(NUMBERS)}"
        for observation in observations:
            await apply_batch(database, KEYS, [], [rename(observation, external_id)], now=NOW)
        [found] = await open_all(database, superuser, KEYS, [external_id])
        endings.add(found.known.record.model_copy(update={"external_id": "p"}).model_dump_json())
    return len(endings)


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


class Blindfold:
    """A look at what is held that comes too early to see anything, as when another transaction is just ahead."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._is_first = True
        monkeypatch.setattr(apply, "CUSTOMERS", upsert.CUSTOMERS._replace(find_held=self.look))

    async def look(self, connection: Any, tenant_id: int, keys: Any) -> Any:
        self._is_first = not self._is_first
        return {} if not self._is_first else await upsert.CUSTOMERS.find_held(connection, tenant_id, keys)


async def test_the_statements_guard_alone_makes_the_newest_win(
    database: Database, superuser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    blindfold = Blindfold(monkeypatch)
    assert await count_endings_blindly(database, superuser, blindfold) == 1


async def test_without_the_guard_the_last_to_arrive_wins(
    database: Database, superuser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql = db.customers.SQL["write_customers"]
    assert GUARD in sql
    monkeypatch.setitem(db.customers.SQL, "write_customers", sql.replace(GUARD, "true"))
    blindfold = Blindfold(monkeypatch)
    assert await count_endings_blindly(database, superuser, blindfold) > 1


async def count_endings_blindly(database: Database, superuser: Any, blindfold: Blindfold) -> int:
    endings = set()
    for permuted in itertools.permutations(FULL):
        external_id = f"p-{next(NUMBERS)}"
        for record in permuted:
            blindfold._is_first = True
            await apply_batch(database, KEYS, [], [rename(make_observation(record), external_id)], now=NOW)
        [found] = await open_all(database, superuser, KEYS, [external_id])
        endings.add(found.known.record.model_copy(update={"external_id": "p"}).model_dump_json())
    return len(endings)


async def test_partial_documents_end_in_one_row_in_every_order(database: Database, superuser: Any) -> None:
    assert await count_endings(database, superuser, make_permuted(PARTIAL)) == 1


async def test_without_merging_partial_documents_end_in_many(
    database: Database, superuser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upsert, "merge", lambda held, told: max(held, told, key=lambda known: known.version))
    assert await count_endings(database, superuser, make_permuted(PARTIAL)) > 1


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


def make_crossing_batches(number: int) -> list[list[Observation]]:
    """The same hundred customers, in opposite orders, each side newer for half of them; some partial."""
    randomness = random.Random(number)
    batches = []
    for side in range(2):
        records = [
            make_customer(
                f"d-{n:03}", source_updated_at=T0 + timedelta(seconds=number * 10 + (n + side) % 2),
                missing=("locale",) if randomness.random() < 0.1 else (),
            )
            for n in range(100)
        ]  # fmt: skip
        batches.append([make_observation(record) for record in (records if side else records[::-1])])
    return batches


async def cross(database: Database, rounds: int) -> None:
    for number in range(rounds):
        drain, sync = make_crossing_batches(number)
        await asyncio.gather(
            apply_batch(database, KEYS, [], drain, writer="live", now=NOW),
            apply_batch(database, KEYS, [], sync, writer="bulk", now=NOW),
        )


async def test_a_drain_and_a_sync_over_the_same_rows_do_not_lock_each_other_out(
    database: Database, superuser: Any
) -> None:
    await cross(database, 20)
    assert await superuser.fetchval("SELECT count(*) FROM customers WHERE tenant_id = $1", ACME) == 100


async def test_unsorted_they_would(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db.customers, "sorted", lambda rows, **_: list(rows), raising=False)
    with pytest.raises((asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError)):
        await cross(database, 50)
