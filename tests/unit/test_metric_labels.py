"""Labels are bounded: so many tenants have a name, and the others are one."""

from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import REGISTRY

from app.core.metric_labels import OTHER, TenantNames
from db.snapshots import TenantSnapshot
from workers.watch_metrics import tell

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def make_snapshot(tenant_id: int, **fields: Any) -> TenantSnapshot:
    snapshot = TenantSnapshot(
        tenant_id, NOW, "healthy", None, 1, 0, 1, 0, 0, 1, 0, 1, waiting=0, oldest_s=None, dead_waiting=0,
        dead_recently=0, events_recently=0, freshness_p50_ms=None, freshness_p99_ms=None,
    )  # fmt: skip
    return snapshot._replace(**fields)


def read(name: str) -> dict[str, float]:
    """A gauge's series by their one label."""
    found = [metric for metric in REGISTRY.collect() if metric.name == name]
    return {next(iter(sample.labels.values()), ""): sample.value for metric in found for sample in metric.samples}


def test_the_first_tenants_keep_their_names_and_the_others_have_none() -> None:
    names = TenantNames(2)
    assert [names.get(tenant_id) for tenant_id in (56, 57, 58, 56, 59, 57)] == ["56", "57", OTHER, "56", OTHER, "57"]
    assert names.get(0) == "0", "nobody's calls are no tenant's"
    assert TenantNames(0).get(56) == OTHER


def test_the_longest_queues_are_named_and_all_others_are_one() -> None:
    snapshots = [make_snapshot(number, waiting=number, oldest_s=number * 10.0) for number in range(6)]
    tell(snapshots, NOW, 2)
    assert read("acequia_queue_waiting") == {"5": 5, "4": 4, OTHER: 6}
    assert read("acequia_queue_oldest_seconds") == {"5": 50, "4": 40, OTHER: 30}
    tell([make_snapshot(4, waiting=1, oldest_s=1.0)], NOW, 2)
    assert read("acequia_queue_waiting") == {"4": 1, OTHER: 0}, "a queue that is empty now is not told any more"


def test_tenants_are_counted_by_health_and_objectives_by_burn() -> None:
    tell(
        [
            make_snapshot(1, health="critical", objective_percent=99.9, burn="fast", dead_waiting=3),
            make_snapshot(2, objective_percent=99.0, dead_waiting=4),
            make_snapshot(3),
        ],
        NOW + timedelta(seconds=40),
        10,
    )
    assert read("acequia_tenants") == {"healthy": 2, "warning": 0, "critical": 1, "paused": 0, "unknown": 0}
    assert read("acequia_objectives") == {"none": 1, "slow": 0, "fast": 1}
    assert (read("acequia_dead_letters_waiting"), read("acequia_watched_age_seconds")) == ({"": 7}, {"": 40})
