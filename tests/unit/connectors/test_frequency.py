from string import printable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.connectors.frequency import parse_frequency


@pytest.mark.parametrize(
    ("text", "minutes", "hours", "weekdays"),
    [
        ("hourly", {0}, set(range(24)), set(range(7))),
        ("daily", {0}, {3}, set(range(7))),
        ("weekly", {0}, {3}, {1}),
        ("*/15 * * * *", {0, 15, 30, 45}, set(range(24)), set(range(7))),
        ("30 */6 * * 1-5", {30}, {0, 6, 12, 18}, {1, 2, 3, 4, 5}),
        ("0,20-22,59 8-20/4 * * 5-7", {0, 20, 21, 22, 59}, {8, 12, 16, 20}, {5, 6, 0}),
        ("05 00 1 1 *", {5}, {0}, set(range(7))),
    ],
)
def test_a_frequency_becomes_its_moments(text: str, minutes: set[int], hours: set[int], weekdays: set[int]) -> None:
    schedule = parse_frequency(text)
    assert [set(part) for part in (schedule.minutes, schedule.hours, schedule.weekdays)] == [minutes, hours, weekdays]


@pytest.mark.parametrize(
    ("text", "is_either"), [("0 0 1 * 1", True), ("0 0 1 * *", False), ("0 0 * * 1", False), ("0 0 */2 * 1", False)]
)
def test_two_restricted_days_are_one_or_the_other(text: str, is_either: bool) -> None:
    assert parse_frequency(text).is_either_day is is_either


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "Hourly", "hourly ", "monthly", "@daily", "* * * *", "* * * * * *", "*  * * * *", " * * * * *",
        "* * * * *\n", "*\t* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 0 *", "* * * 13 *",
        "* * * * 8", "-1 * * * *", "5-1 * * * *", "1- * * * *", ",1 * * * *", "1, * * * *", "*/0 * * * *",
        "*/60 * * * *", "5/10 * * * *", "1-5/ * * * *", "* * * jan *", "* * * * mon", "* * L * *", "* * ? * *",
        "* * * * 1#2", "1.5 * * * *", "1e1 * * * *", "+1 * * * *", "٣ * * * *", "１ * * * *", "001 * * * *",
        "** * * * *",
        "0 0 30 2 *", "0 0 31 4,6 *", "; * * * *", "* * * * *; rm", "0 " * 60,
    ],
)  # fmt: skip
def test_what_crons_read_in_two_ways_or_not_at_all_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is|goes|follows|names") as caught:
        parse_frequency(text)
    assert len(text) < 3 or text not in str(caught.value)


def test_the_29th_of_february_comes() -> None:
    assert parse_frequency("0 0 29 2 *").days == {29}


@given(st.text(alphabet=[*printable, "٣", "\x00"], max_size=120) | st.from_regex(r"[0-9*,/ -]{9,30}", fullmatch=True))
def test_any_text_is_a_schedule_or_an_error(text: str) -> None:
    try:
        schedule = parse_frequency(text)
    except ValueError:
        return
    assert all(schedule[:5])
    assert max(schedule.minutes) <= 59
    assert max(schedule.hours) <= 23
    assert min(schedule.days) >= 1
    assert max(schedule.weekdays) <= 6
