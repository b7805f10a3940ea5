"""Healthy, warning, critical: the document's figures."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.services.sync_status import find_worst, judge_health
from db.integrations import Integration

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def make(status: Any) -> Integration:
    return Integration(56, 1, "vtex", "store", "vtexcommercestable", {}, None, status, None, NOW, NOW)


@pytest.mark.parametrize(
    ("status", "hours", "health"),
    [
        ("active", 0, "healthy"),
        ("active", 2, "healthy"),
        ("active", 2.01, "warning"),
        ("active", 24, "warning"),
        ("active", 24.01, "critical"),
        ("active", None, "unknown"),
        ("credentials_refused", 0, "critical"),
        ("paused", 100, "paused"),
    ],
)
def test_health_follows_the_documents_figures(status: str, hours: float | None, health: str) -> None:
    last_sync = None if hours is None else NOW - timedelta(hours=hours)
    assert judge_health(make(status), last_sync, NOW) == health


def test_a_tenant_is_as_well_as_its_worst_integration_that_is_not_paused() -> None:
    assert find_worst(["healthy", "warning", "paused"]) == "warning"
    assert find_worst(["paused", "healthy"]) == "healthy"
    assert find_worst(["paused"]) == "paused"
    assert find_worst([]) == "unknown"
