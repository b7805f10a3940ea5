"""Numbers, times and charts, as each language reads them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.dashboard.charts import Series, draw_bars, draw_lines, find_top
from app.dashboard.formats import Formats
from app.dashboard.viewer import Choice, Language, Viewer, find_locale, make_viewer, read_choice, write_choice

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


def make_formats(language: Language, country: str | None = None, zone: str = "UTC") -> Formats:
    locale = find_locale(language, country)
    return Formats(Viewer(language, locale, ZoneInfo(zone), zone, "auto", "ARS", Choice()), NOW)


def plain(text: str) -> str:
    return text.replace("\xa0", " ").replace("\u202f", " ")


def test_numbers_are_grouped_as_the_country_does() -> None:
    assert make_formats("en").num(1234567) == "1,234,567"
    assert make_formats("es", "AR").num(1234567.5, 1) == "1.234.567,5"
    assert make_formats("pt", "BR").num(None) == "–"
    assert make_formats("es", "MX").num(1234.5, 1) == "1,234.5"


def test_money_comes_from_minor_units() -> None:
    assert plain(make_formats("es", "AR").money(123456, "ARS")) == "$1.234,56"
    assert plain(make_formats("en").money(5000, "CLP")) == "CLP 5,000"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.35, "350 ms"), (4.21, "4.2 s"), (59.4, "59 s"), (200, "3 min 20 s"), (18_600, "5 h 10 min"),
     (187_200, "2 d 4 h"), (None, "–"), (120, "2 min")],
)  # fmt: skip
def test_durations_are_read_at_a_glance(seconds: float | None, text: str) -> None:
    assert make_formats("en").duration(seconds) == text


def test_sizes_take_the_unit_that_reads_best() -> None:
    assert make_formats("en").size(127_500_000_000) == "128 GB"
    assert make_formats("en").size(999) == "999 B"
    assert make_formats("es", "AR").size(1_500) == "1,5 kB"


def test_times_are_relative_with_the_moment_in_the_viewers_zone_beside() -> None:
    told = make_formats("en", zone="America/Sao_Paulo").when(NOW - timedelta(minutes=5))
    assert ">5 minutes ago<" in told
    assert 'title="2026-11-24 11:55:00 -03"' in told
    assert make_formats("es").ago(NOW - timedelta(hours=3)) == "hace 3 horas"
    assert make_formats("pt", "BR").ago(NOW + timedelta(days=2)) == "em 2 dias"
    assert make_formats("en").when(None) == "–"


def test_what_a_clock_ahead_of_ours_wrote_has_just_been() -> None:
    assert make_formats("en").ago(NOW + timedelta(seconds=2)) == "1 second ago"
    assert make_formats("en").ago(NOW + timedelta(seconds=30)) == "in 30 seconds"


def test_what_is_written_into_a_time_is_escaped() -> None:
    assert "<script" not in make_formats("en").when(NOW)


def test_what_a_browser_remembers_comes_back_and_what_it_cannot_mean_is_passed_over() -> None:
    choice = Choice("dark", "America/Bogota", "pt")
    cookie = write_choice(choice, is_secure=True).partition("=")[2].partition(";")[0]
    assert read_choice(cookie) == choice
    assert read_choice("theme=neon&zone=Mars&language=xx") == Choice()
    assert read_choice(None) == Choice()


def test_a_person_comes_before_the_tenant_and_that_before_the_browser() -> None:
    viewer = make_viewer(Choice(), person_language="pt", tenant=None, accept_language="es")
    assert viewer.language == "pt"
    assert make_viewer(Choice(), person_language=None, tenant=None, accept_language="es;q=1").language == "es"
    assert make_viewer(Choice(), person_language="xx", tenant=None, accept_language=None).language == "en"


def test_an_axis_ends_at_a_round_number_that_is_never_too_low() -> None:
    for value in (0.03, 1, 7, 9.99, 10, 11, 99, 101, 1_234_567):
        top = find_top([value])
        assert value <= top <= value * 2.5
    assert find_top([]) == 1


def test_a_gap_in_a_line_stays_a_gap_and_a_single_value_is_a_dot() -> None:
    chart = draw_lines([Series("p99", [1.0, 2.0, None, 3.0, None, 4.0, 5.0])], list("abcdefg"))
    assert len(chart.lines[0].paths) == 2
    assert len(chart.lines[0].dots) == 1


def test_bars_stand_on_one_another_and_reach_no_higher_than_the_axis() -> None:
    chart = draw_bars([Series("good", [3, 0, 2], "good"), Series("bad", [1, 0, 2], "bad")], ["a", "b", "c"])
    first = [bar for bar in chart.bars if bar.title.startswith("a")]
    assert first[1].y + first[1].height == pytest.approx(first[0].y, abs=0.2)
    assert min(bar.y for bar in chart.bars) >= 10
    assert len(chart.bars) == 4
