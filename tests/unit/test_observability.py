"""Dashboard and alert rules name metrics that there are, with labels that they have; the rules are well formed."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client import REGISTRY

import app.core.budget_metrics
import app.core.metrics
import app.core.outbound
import app.receiver.metrics

FOLDER = Path(__file__).parents[2] / "scripts" / "observability"
MODULES = (app.core.budget_metrics, app.core.metrics, app.core.outbound, app.receiver.metrics)
# What Prometheus itself puts on every series, and what it makes of histograms.
ADDED = {"job", "instance", "le"}
SELECTOR = re.compile(r"\b(?P<name>acequia_[a-z_]+|up)\b(?:\{(?P<labels>[^}]*)\})?")
LABEL = re.compile(r'([a-z_]+)\s*(?:=~|!~|!=|=)\s*"')
GROUPING = re.compile(r"\bby \(([a-z_, ]+)\)")
RANGE = re.compile(r"\[([^\]]+)\]")


def list_series() -> dict[str, set[str]]:
    """Every series of ours, by name, with its labels."""
    series: dict[str, set[str]] = {"up": set()}
    for metric in (one for module in MODULES for one in vars(module).values() if hasattr(one, "_labelnames")):
        for described in metric.describe():
            labels = {*metric._labelnames, *ADDED}
            endings = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
            for ending in endings[described.type]:
                series[described.name + ending] = labels
    return series


def read_dashboard() -> Any:
    return json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))


def read_rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def list_expressions() -> Iterator[tuple[str, str]]:
    for panel in read_dashboard()["panels"]:
        for target in panel.get("targets", ()):
            yield f"panel {panel['title']}", target["expr"]
    for rule in read_rules():
        yield f"rule {rule['alert']}", rule["expr"]


@pytest.mark.parametrize(("where", "expression"), list(list_expressions()))
def test_an_expression_names_what_there_is(where: str, expression: str) -> None:
    series = list_series()
    found = list(SELECTOR.finditer(expression))
    assert found, where
    allowed: set[str] = set(ADDED)
    for selector in found:
        assert selector["name"] in series, f"{where}: there is no {selector['name']}"
        labels = series[selector["name"]] | ADDED
        unknown = set(LABEL.findall(selector["labels"] or "")) - labels
        assert not unknown, f"{where}: {selector['name']} has no label {unknown}"
        allowed |= labels
    for names in GROUPING.findall(expression):
        assert {name.strip() for name in names.split(",")} <= allowed, where
    assert all(re.fullmatch(r"\d+[smhd]|\$__rate_interval", length) for length in RANGE.findall(expression)), where
    for opening, closing in ("()", "[]", "{}"):
        assert expression.count(opening) == expression.count(closing), where


def test_a_metric_that_there_is_not_is_found_out() -> None:
    with pytest.raises(AssertionError, match="there is no acequia_nothing_total"):
        test_an_expression_names_what_there_is("here", "rate(acequia_nothing_total[5m])")
    with pytest.raises(AssertionError, match="has no label"):
        test_an_expression_names_what_there_is("here", 'acequia_tenants{colour="red"}')


def test_counters_are_asked_for_their_rate_alone() -> None:
    """The sum of a counter's values over processes that start again says nothing."""
    for where, expression in list_expressions():
        for name in re.findall(r"acequia_[a-z_]+_(?:total|bucket)", expression):
            times = len(re.findall(rf"\b{name}\b", expression))
            assert times == len(re.findall(rf"(?:rate|increase)\({name}\b", expression)), f"{where}: {name}"


def test_rules_say_how_bad_it_is_and_what_to_do() -> None:
    rules = read_rules()
    assert len({(rule["alert"], str(rule["labels"])) for rule in rules}) == len(rules)
    for rule in rules:
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}, rule["alert"]
        assert re.fullmatch(r"Acequia[A-Za-z]+", rule["alert"])
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert re.fullmatch(r"\d+[mh]", rule.get("for", "1m"))
        assert rule["annotations"].keys() == {"summary", "todo"}
        labels = set(re.findall(r"\$labels\.([a-z_]+)", str(rule["annotations"])))
        assert labels <= set(re.findall(r"[a-z_]+", " ".join(GROUPING.findall(rule["expr"])))) | {"job", "instance"}


def test_rules_cover_what_must_wake_somebody() -> None:
    told = " ".join(rule["alert"] for rule in read_rules())
    for word in ("BurnFast", "BurnSlow", "OldestOverAMinute", "MemoryLost", "ReceiverNotReady", "NoBackup", "Down"):
        assert word in told


def test_the_dashboard_can_be_imported_and_begins_with_freshness() -> None:
    dashboard = read_dashboard()
    panels = dashboard["panels"]
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
    assert (panels[0]["type"], panels[0]["title"], panels[1]["title"]) == ("row", "Freshness", "Freshness p99")
    places = [tuple(panel["gridPos"][side] for side in ("x", "y", "w", "h")) for panel in panels]
    assert all(x + w <= 24 for x, _, w, _ in places)
    taken = [(x, y) for left, top, w, h in places for x in range(left, left + w) for y in range(top, top + h)]
    assert len(taken) == len(set(taken)), "panels lie upon each other"
    assert {name["name"] for name in dashboard["templating"]["list"]} == {"datasource", "job"}
    assert all(panel["description"] for panel in panels if panel["type"] != "row")


def test_every_job_of_the_rules_is_scraped() -> None:
    jobs = {one["job_name"] for one in yaml.safe_load((FOLDER / "prometheus.yaml").read_text())["scrape_configs"]}
    for where, expression in list_expressions():
        for told in re.findall(r'job=~?"(acequia[^"$]+)"', expression):
            assert any(re.fullmatch(told, job) for job in jobs), where
    assert jobs == {"acequia-receiver", "acequia-web", "acequia-worker", "acequia-syncer"}


def test_the_registry_has_them_all() -> None:
    names = {metric.name for metric in REGISTRY.collect()}
    assert {"acequia_freshness_seconds", "acequia_changes", "acequia_tenants", "acequia_ready"} <= names
