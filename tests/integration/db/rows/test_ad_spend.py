"""Windows of ad spend are replaced exactly, day by day, and the newest observation of a day stands (P3)."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.ad_spend import (
    DAYS_MAX,
    Replaced,
    SpendPlace,
    SpendRow,
    SpendSum,
    SpendWindow,
    list_spend,
    list_spend_days,
    replace_window,
    sum_spend,
)
from db.pool import Database
from schemas.records import SpendLevel
from tests.integration.db.cast import ACME, GLOBEX, at

FIRST = date(2026, 11, 1)


def day(number: int) -> date:
    """The number-th of the window, from 0."""
    return FIRST + timedelta(days=number)


def row(number: int, campaign_id: str = "c-1", cost_minor: int = 1_000, **fields: Any) -> SpendRow:
    return SpendRow(day(number), campaign_id, cost_minor=cost_minor, **{"impressions": 10, "clicks": 2} | fields)


def make_window(
    *rows: SpendRow,
    days: tuple[int, int] = (0, 2),
    seconds: float = 0,
    source: str = "google_ads",
    account: str = "1234567890",
    level: SpendLevel = "campaign",
    **fields: Any,
) -> SpendWindow:
    """`seconds`: when it was observed."""
    base: dict[str, Any] = {"integration_id": 1, "currency": "ARS", "mapper_version": 1}
    return SpendWindow(
        place=SpendPlace(source, account, level),
        first=day(days[0]),
        last=day(days[1]),
        observed_at=at(seconds),
        rows=rows,
        **base | fields,
    )


@pytest.fixture
async def syncer(open_database: Callable[..., Awaitable[Database]]) -> Database:
    return await open_database("syncer")


async def replace(database: Database, *windows: SpendWindow, tenant_id: int = ACME) -> list[Replaced]:
    """Each in a transaction of its own."""
    replaced = []
    for window in windows:
        async with database.tenant_tx(tenant_id, "test") as connection:
            replaced.append(await replace_window(connection, tenant_id, window))
    return replaced


async def read(database: Database, window: SpendWindow, tenant_id: int = ACME) -> list[SpendRow]:
    async with database.tenant_tx(tenant_id, "test") as connection:
        return await list_spend(connection, tenant_id, window.place, window.first, window.last)


async def test_a_window_comes_back_as_it_was_told(syncer: Database) -> None:
    told = (
        row(0, campaign_name="Cyber", conversions_micros=2_500_000, value_minor=2**40),
        row(0, "c-2", cost_minor=-5),
        row(2),
    )
    assert await replace(syncer, make_window(*reversed(told), time_zone="America/Argentina/Buenos_Aires")) == [
        Replaced(changed_days=3, same_days=0, newer_days=0, written=3, created=3, removed=0)
    ]
    assert await read(syncer, make_window()) == list(told)


async def test_a_day_without_rows_is_known_to_have_had_none(syncer: Database) -> None:
    window = make_window(row(0), row(2), time_zone="America/Bogota", integration_id=7)
    await replace(syncer, window)
    async with syncer.tenant_tx(ACME, "test") as connection:
        known = await list_spend_days(connection, ACME, window.place, day(-1), day(9))
    assert [one.day for one in known] == [day(0), day(1), day(2)]
    assert {(one.integration_id, one.observed_at, one.currency, one.time_zone) for one in known} == {
        (7, at(0), "ARS", "America/Bogota")
    }


async def test_a_later_look_replaces_corrects_and_removes(syncer: Database) -> None:
    await replace(syncer, make_window(row(0), row(0, "c-2"), row(1), row(2)))
    corrected = make_window(row(0, cost_minor=900), row(1), row(2, "c-3"), seconds=60)
    assert await replace(syncer, corrected) == [
        Replaced(changed_days=2, same_days=1, newer_days=0, written=2, created=1, removed=2)
    ]
    assert await read(syncer, corrected) == list(corrected.rows)


async def test_an_older_look_that_arrives_late_changes_nothing_that_is_known_better(syncer: Database) -> None:
    newer = make_window(row(1, cost_minor=5), days=(1, 3), seconds=60)
    older = make_window(row(0), row(1), row(2), days=(0, 2))
    assert await replace(syncer, newer, older) == [
        Replaced(changed_days=3, same_days=0, newer_days=0, written=1, created=1, removed=0),
        Replaced(changed_days=1, same_days=0, newer_days=2, written=1, created=1, removed=0),
    ]
    assert await read(syncer, make_window(days=(0, 3))) == [row(0), row(1, cost_minor=5)]


async def test_the_same_figures_again_write_no_row_and_are_known_from_the_later_look(
    syncer: Database, superuser: Any
) -> None:
    await replace(syncer, make_window(row(0), row(1)))
    before = await superuser.fetch("SELECT ctid, xmin, day FROM ad_spend ORDER BY day")
    [replaced] = await replace(syncer, make_window(row(1), row(0), seconds=60))
    assert replaced == Replaced(changed_days=0, same_days=3, newer_days=0, written=0, created=0, removed=0)
    assert await superuser.fetch("SELECT ctid, xmin, day FROM ad_spend ORDER BY day") == before
    # What was observed between both looks is older than what is known now.
    [late] = await replace(syncer, make_window(row(0, cost_minor=1), seconds=30))
    assert late.newer_days == 3


async def test_days_are_left_alone_that_are_not_in_the_window(syncer: Database) -> None:
    await replace(syncer, make_window(row(0), row(1), row(2)))
    await replace(syncer, make_window(days=(1, 1), seconds=60))
    assert await read(syncer, make_window()) == [row(0), row(2)]


async def test_levels_accounts_and_sources_are_apart(syncer: Database) -> None:
    groups = make_window(row(0, ad_group_id="g-1"), row(0, ad_group_id="g-2"), level="ad_group", seconds=90)
    other = make_window(row(0, cost_minor=1), account="9999999999", seconds=90)
    facebook = make_window(row(0, cost_minor=2), source="facebook_ads", seconds=90)
    await replace(syncer, make_window(row(0), row(1)), groups, other, facebook)
    assert await read(syncer, make_window()) == [row(0), row(1)]
    assert await read(syncer, groups) == list(groups.rows)
    assert await read(syncer, other) == list(other.rows)
    assert await read(syncer, facebook) == list(facebook.rows)


async def test_sums_are_of_one_level_by_account_and_currency(syncer: Database) -> None:
    figures: dict[str, Any] = {"conversions_micros": 500_000, "value_minor": 7}
    await replace(
        syncer,
        make_window(row(0, **figures), row(0, "c-2", **figures), row(1), time_zone="America/Bogota"),
        make_window(row(0, ad_group_id="g-1"), level="ad_group"),
        make_window(row(0), source="facebook_ads", account="act_1", currency="USD"),
    )
    async with syncer.tenant_tx(ACME, "test") as connection:
        sums = await sum_spend(connection, ACME, day(0), day(0))
    assert sums == [
        SpendSum(day(0), "facebook_ads", "act_1", "USD", 1_000, 10, 2, 0, 0),
        SpendSum(day(0), "google_ads", "1234567890", "ARS", 2_000, 20, 4, 1_000_000, 14),
    ]


async def test_another_currency_is_another_figure(syncer: Database) -> None:
    await replace(syncer, make_window(row(0)))
    [replaced] = await replace(syncer, make_window(row(0), currency="USD", seconds=1))
    assert (replaced.changed_days, replaced.written) == (3, 1)
    async with syncer.tenant_tx(ACME, "test") as connection:
        assert [one.currency for one in await sum_spend(connection, ACME, day(0), day(2))] == ["USD"]


async def test_neither_tenant_sees_the_others_spend(syncer: Database) -> None:
    await replace(syncer, make_window(row(0)))
    await replace(syncer, make_window(row(1, cost_minor=7), seconds=-60), tenant_id=GLOBEX)
    assert await read(syncer, make_window()) == [row(0)]
    assert await read(syncer, make_window(), GLOBEX) == [row(1, cost_minor=7)]
    async with syncer.tenant_tx(ACME, "test") as connection:
        assert await list_spend(connection, GLOBEX, make_window().place, day(0), day(2)) == []


@pytest.mark.parametrize(
    ("window", "complaint"),
    [
        (make_window(row(3)), "outside its window"),
        (make_window(row(-1)), "outside its window"),
        (make_window(row(0), row(1), row(0, cost_minor=2)), "two rows have one key"),
        (make_window(row(0, ad_group_id="g")), "another level"),
        (make_window(row(0), level="ad_group"), "another level"),
        (make_window(days=(1, 0)), "1 to 366 days"),
        (make_window(days=(0, DAYS_MAX)), "1 to 366 days"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_window_that_cannot_be_exact_is_refused_whole(
    syncer: Database, window: SpendWindow, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        await replace(syncer, window)
    assert await read(syncer, make_window(days=(-1, 3))) == []


async def replace_and_fail(database: Database, window: SpendWindow) -> None:
    async with database.tenant_tx(ACME, "test") as connection:
        await replace_window(connection, ACME, window)
        raise ZeroDivisionError


async def test_a_transaction_that_fails_leaves_the_window_as_it_was(syncer: Database) -> None:
    await replace(syncer, make_window(row(0), row(1)))
    with pytest.raises(ZeroDivisionError):
        await replace_and_fail(syncer, make_window(row(2), seconds=60))
    assert await read(syncer, make_window()) == [row(0), row(1)]
    assert (await replace(syncer, make_window(row(2), seconds=30)))[0].changed_days == 3


@pytest.mark.parametrize("seconds", [(0, 60), (60, 0)], ids=["the later waits", "the earlier waits"])
async def test_of_two_at_once_the_later_observation_stands_without_a_remnant_of_the_other(
    syncer: Database, superuser: Any, seconds: tuple[int, int]
) -> None:
    first = make_window(row(0, f"seen-at-{seconds[0]}"), row(1, "both"), seconds=seconds[0])
    second = make_window(row(0, f"seen-at-{seconds[1]}"), row(1, "both", cost_minor=2), seconds=seconds[1])
    async with asyncio.timeout(20), syncer.tenant_tx(ACME, "test") as connection:
        await replace_window(connection, ACME, first)
        waiting = asyncio.create_task(replace(syncer, second))
        while not await superuser.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            pass  # nothing announces that somebody waits
    await waiting
    assert await read(syncer, make_window()) == list((first if seconds[0] else second).rows)


def find_expected(windows: Sequence[SpendWindow]) -> list[SpendRow]:
    """Each day as its newest observation tells it, said as plainly as possible. No two are observed at one time."""
    expected: list[SpendRow] = []
    for number in range(10):
        tellers = [window for window in windows if window.first <= day(number) <= window.last]
        if tellers:
            newest = max(tellers, key=lambda window: window.observed_at)
            expected += sorted(one for one in newest.rows if one.day == day(number))
    return expected


@st.composite
def make_histories(draw: Any) -> list[SpendWindow]:
    windows = []
    for seconds in range(draw(st.integers(1, 5))):
        first = draw(st.integers(0, 6))
        last = draw(st.integers(first, min(first + 4, 9)))
        keys = draw(st.sets(st.tuples(st.integers(first, last), st.sampled_from(["a", "b", "c"])), max_size=6))
        rows = [row(number, name, draw(st.integers(0, 2))) for number, name in keys]
        windows.append(make_window(*rows, days=(first, last), seconds=seconds))
    return windows


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(windows=make_histories(), seed=st.integers(0, 2**32))
async def test_any_order_and_repetition_of_windows_ends_in_the_same_rows(
    syncer: Database, superuser: Any, windows: list[SpendWindow], seed: int
) -> None:
    await superuser.execute("DELETE FROM ad_spend; DELETE FROM ad_spend_days")
    chance = random.Random(seed)
    order = chance.sample([*windows, *chance.choices(windows, k=2)], len(windows) + 2)
    await replace(syncer, *order)
    assert await read(syncer, make_window(days=(0, 9))) == find_expected(windows)


async def test_two_that_say_something_else_of_one_moment_end_alike_in_either_order(syncer: Database) -> None:
    one, other = make_window(row(0, cost_minor=1)), make_window(row(0, cost_minor=2))
    ends = []
    for account, order in (("1", (one, other)), ("2", (other, one))):
        windows = [window._replace(place=SpendPlace("google_ads", account, "campaign")) for window in order]
        await replace(syncer, *windows)
        ends.append(await read(syncer, windows[0]))
    assert ends[0] == ends[1]


async def test_a_later_mapper_reads_the_same_moment_anew(syncer: Database) -> None:
    for mapper_version in (2, 1):
        await replace(syncer, make_window(row(0, cost_minor=mapper_version), mapper_version=mapper_version))
    assert await read(syncer, make_window()) == [row(0, cost_minor=2)]
