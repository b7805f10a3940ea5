"""Rules of alerts: when they open and close, what is said of them, and what must be done with what is found. Pure."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import InvalidInputError
from app.core.settings import Settings
from app.dashboard.texts import load_texts as load_page_texts
from app.services.alert_findings import Finding, make_finding, make_plain_finding
from app.services.alert_messages import make_message
from app.services.alert_rules import (
    PLATFORM_RULES,
    RULES,
    TENANT_RULES,
    Choice,
    Rule,
    check_choice,
    find_threshold,
)
from app.services.alert_sending import make_slack_body
from app.services.alert_steps import plan_steps
from app.services.alert_texts import Reader, load_texts, say, tell, write_duration, write_figure
from app.services.backups import judge_backups
from db.alert_channels import Listener
from db.alerts import AlertRow
from db.backups import Newest

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
READERS = [Reader(language, ZoneInfo("America/Sao_Paulo")) for language in ("es", "pt", "en")]
WITH_THRESHOLD = [rule for rule in RULES.values() if rule.threshold is not None]
SETTINGS = Settings()
EVERYBODY = Listener(56, UUID(int=1), "warning", None)


def make_row(rule: str = "sync_late", **fields: Any) -> AlertRow:
    row = AlertRow(
        56, UUID(int=7), rule, 0, RULES[rule].severity, "open", NOW - DAY, NOW, None, None, 8.0, 6.0, {}, NOW - DAY,  # type: ignore[index]
        0, None, None, None,
    )  # fmt: skip
    return row._replace(**fields)


@pytest.mark.parametrize(
    ("name", "wavering", "over", "clear"),
    [
        ("sync_late", [0.1, 5.9, 6], [6.1, 99], [0]),
        ("api_calls", [86, 90], [90.1, 200], [85.5, 0]),
        ("storage", [77, 80], [80.1], [76]),
        ("dead_letters", [6, 10], [11], [5, 0]),
        ("queue_waiting", [31, 60], [61], [30, 0]),
        ("trial_ending", [7, 8], [6.9, -3], [8.05, 30]),
        ("credentials_expiring", [14, 15], [13.9, -1], [15.5, 90]),
    ],
)
def test_a_rule_opens_beyond_one_value_and_closes_behind_another(
    name: str, wavering: list[float], over: list[float], clear: list[float]
) -> None:
    def judge(value: float) -> tuple[bool, bool]:
        found = make_finding(name, {}, value, {})  # type: ignore[arg-type]
        return found.is_over, found.is_clear

    assert [judge(value) for value in wavering] == [(False, False)] * len(wavering)
    assert [judge(value) for value in over] == [(True, False)] * len(over)
    assert [judge(value) for value in clear] == [(False, True)] * len(clear)


@given(st.sampled_from(WITH_THRESHOLD), st.floats(0, 1), st.floats(-1e6, 1e6))
def test_no_value_opens_and_closes_whatever_the_threshold(rule: Rule, place: float, value: float) -> None:
    threshold = rule.threshold_min + place * (rule.threshold_max - rule.threshold_min)
    assert not (rule.is_over(value, threshold) and rule.is_clear(value, threshold))


def test_the_documents_figures_are_the_defaults() -> None:
    assert {name: RULES[name].threshold for name in ("sync_late", "api_calls", "storage", "queue_waiting")} == {
        "sync_late": 6, "api_calls": 90, "storage": 80, "queue_waiting": 60,
    }  # fmt: skip
    assert all(rule.threshold_min <= (rule.threshold or 0) <= rule.threshold_max for rule in WITH_THRESHOLD)
    assert {*TENANT_RULES, *PLATFORM_RULES} == set(RULES.values())


def test_a_kept_threshold_out_of_bounds_counts_as_not_set() -> None:
    rule = RULES["storage"]
    assert find_threshold(rule, {"storage": Choice(threshold=50)}) == 50
    for kept in (101, 0, float("nan")):
        assert find_threshold(rule, {"storage": Choice(threshold=kept)}) == 80
    with pytest.raises(InvalidInputError):
        check_choice(56, "storage", float("nan"))
    with pytest.raises(InvalidInputError):
        check_choice(0, "storage", 50)


# -- what must be done --


def find_step(finding: Finding, row: AlertRow | None = None, now: datetime = NOW) -> str:
    steps = plan_steps([finding], [] if row is None else [row], [EVERYBODY], SETTINGS, now)
    return " ".join(step.kind for step in steps)


def test_steps_follow_from_what_is_found_and_what_is_open() -> None:
    bad, good = make_finding("sync_late", {}, 8, {}), make_finding("sync_late", {}, 0, {})
    between = make_finding("sync_late", {}, 5, {})
    assert (find_step(bad), find_step(good), find_step(between)) == ("open", "", "")
    seen = make_row(last_seen_at=NOW, notified_at=NOW - HOUR)
    assert (find_step(bad, seen), find_step(good, seen), find_step(between, seen)) == ("", "close", "")
    assert find_step(bad, seen._replace(last_seen_at=NOW - HOUR)) == "see"
    for changes, step in (
        ({"notified_at": NOW - 25 * HOUR}, "tell"),
        ({"notified_at": NOW - 23 * HOUR}, ""),
        ({"notified_at": None}, "tell"),
        ({"notified_at": NOW - 25 * HOUR, "acknowledged_at": NOW - HOUR}, ""),
        ({"notified_at": NOW - 25 * HOUR, "snoozed_until": NOW + HOUR}, ""),
        ({"notified_at": NOW - 25 * HOUR, "snoozed_until": NOW - HOUR}, "tell"),
        ({"notified_at": NOW - 7 * HOUR, "severity": "critical"}, "tell"),
        ({"notified_at": NOW - 5 * HOUR, "severity": "critical"}, ""),
    ):
        assert find_step(bad, seen._replace(**changes)) == step, changes
    assert [step.kind for step in plan_steps([], [seen], [EVERYBODY], SETTINGS, NOW)] == ["close"]


def test_news_in_what_has_no_threshold_are_seen_at_once() -> None:
    finding = make_plain_finding("backup_missing", {"kinds": ["data"]}, is_bad=True)
    row = make_row("backup_missing", details={"kinds": ["data", "keys"]}, notified_at=NOW)
    assert find_step(finding, row) == "see"
    assert find_step(finding, row._replace(details={"kinds": ["data"], "example": "kept"})) == ""


@pytest.mark.parametrize(
    ("min_severity", "rules", "expected"),
    [("warning", None, 1), ("critical", None, 0), ("warning", ["storage"], 0), ("warning", ["sync_late"], 1)],
)
def test_a_channel_hears_what_it_wants(min_severity: Any, rules: list[str] | None, expected: int) -> None:
    listener = EVERYBODY._replace(min_severity=min_severity, rules=rules)
    [step] = plan_steps([make_finding("sync_late", {}, 8, {})], [], [listener], SETTINGS, NOW)
    assert len(step.channel_ids) == expected


@pytest.mark.parametrize(
    ("taken_h", "verified_d", "missing", "unverified"),
    [(1, 1, [], []), (25, 34, [], []), (27, 34, ["data"], []), (1, 36, [], ["data"]), (None, None, ["data"], ["data"])],
)
def test_backups_are_judged_by_the_newest_of_each_kind(
    taken_h: float | None, verified_d: float | None, missing: list[str], unverified: list[str]
) -> None:
    settings = Settings(environment="production")
    newest = [Newest("keys", NOW, NOW), Newest("keystore", NOW, NOW)]
    if taken_h is not None and verified_d is not None:
        newest.append(Newest("data", NOW - taken_h * HOUR, NOW - verified_d * DAY))
    found = {one.rule.name: one.details["kinds"] for one in judge_backups(settings, newest, {}, NOW)}
    assert found == {"backup_missing": missing, "backup_unverified": unverified}
    assert judge_backups(Settings(), newest, {}, NOW) == []
    off = {"backup_missing": Choice(is_enabled=False)}
    assert [one.rule.name for one in judge_backups(settings, newest, off, NOW)] == ["backup_unverified"]


# -- what is said --


def test_every_rule_is_told_in_every_language_with_the_same_parts() -> None:
    texts, pages = load_texts(), load_page_texts()
    keys = {f"{area}.{name}" for name in RULES for area in ("rule", "text")}
    keys |= {f"todo.{rule.action}" for rule in RULES.values()}
    assert keys <= set(texts)
    left = {key for key in texts if key.partition(".")[0] in {"rule", "text", "todo"}} - keys
    assert not left
    for key, said in texts.items():
        assert set(said) == {"en", "es", "pt"}, key
        assert len({tuple(sorted(re.findall(r"\{(\w+)\}", text))) for text in said.values()}) == 1, key
    assert not {name for name in RULES if not pages.has(f"alerts.rule_{name}")}


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: str(reader.language))
@pytest.mark.parametrize("name", RULES)
def test_what_is_said_needs_no_details_to_be_there(name: str, reader: Reader) -> None:
    """Of a row of an older version, say."""
    said = tell(make_row(name), reader)
    assert said.title
    assert said.text
    assert said.todo
    assert tell(make_row()._replace(rule="of_an_older_version"), reader).title == "of_an_older_version"


def test_figures_and_moments_are_written_as_the_reader_does() -> None:
    spanish, portuguese, english = READERS
    assert write_figure(91.25, "percent", spanish) == "91,2\u00a0%"
    assert write_figure(1234, "count", portuguese) == "1.234"
    assert write_figure(None, "count", english) == "–"
    assert write_figure(0, "hours", spanish) == "0 horas"
    assert [write_duration(seconds, english) for seconds in (1, 90, 150, 7_200, 172_800)] == [
        "1 second", "90 seconds", "2 minutes", "2 hours", "2 days",
    ]  # fmt: skip
    row = make_row("trial_ending", value=5.0, threshold=7.0, details={"ends_at": "2026-11-29T12:00:00+00:00"})
    assert "29 nov 2026, 09:00" in tell(row, spanish).text
    assert "quedan 5 días, menos de 7 días" in tell(row, spanish).text
    storage = make_row("storage", value=90.0, threshold=80.0, details={"used": 9 * 10**9, "limit": 10**10})
    assert "9\u00a0GB of 10\u00a0GB" in tell(storage, english).text


def test_a_message_about_a_closed_one_says_how_long_it_lasted() -> None:
    row = make_row(state="closed", closed_at=NOW, closed_because="recovered", details={"name": "Shop"})
    message = make_message(row, "closed", "acme", READERS[2], "https://acequia.test/dashboard/")
    assert message.subject == "[Recovered] acme: Sync is late: Shop"
    assert "It lasted 24 hours." in message.as_text
    assert message.url == f"https://acequia.test/dashboard/tenants/56/alerts/{row.alert_id}"
    unwatched = make_message(row._replace(closed_because="unwatched"), "closed", "acme", READERS[2], None)
    assert unwatched.subject.startswith("[Closed, no longer watched]")
    assert unwatched.url is None
    platform = make_message(make_row("backup_missing", tenant_id=0), "opened", None, READERS[2], "https://a.test/d")
    assert platform.url == f"https://a.test/d/alerts/{row.alert_id}"


def test_what_somebody_named_a_thing_is_no_markup_and_no_header() -> None:
    row = make_row(details={"name": "<b>x</b>\r\nBcc: y {value}"})
    message = make_message(row, "opened", "<script>", READERS[2], None)
    assert "<b>x" not in message.as_html
    assert "<script>" not in message.as_html
    assert "<b>x" not in str(make_slack_body(message))
    assert "{value}" in message.title, "braces in a name are not filled in"
    assert say("label.open", "fr") == "Open it in the dashboard"
