"""The smoke's verdict: what must not pass as balanced."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.records import OrderRecord
from scripts.smoke import Balance, find_difference

GOOD = Balance(sent=10, accepted=8, refused=2, outcomes=Counter(applied=7, dead=1), rows_checked=3)
STAMP = datetime(2026, 11, 23, 12, tzinfo=UTC)
TRUTH = {
    "kind": "order",
    "deleted": False,
    "source_updated_at": STAMP.isoformat(),
    "status": "invoiced",
    "total_minor": 5,
}
ROW = OrderRecord(external_id="o-1", source_updated_at=STAMP, status="invoiced", total_minor=5)


def test_every_accepted_event_with_one_outcome_is_balanced() -> None:
    assert GOOD.is_balanced
    assert GOOD.to_json()["lost"] == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"lost": 1},
        {"invented": 1},
        {"outcomes": Counter(applied=7)},
        {"outcomes": Counter(applied=9)},
        {"sent": 11},
        {"wrong_rows": ["order 1 has no row"]},
        {"rows_checked": 0},
        {"accepted": 0, "sent": 2, "outcomes": Counter()},
    ],
)
def test_anything_else_is_not(changes: dict[str, Any]) -> None:
    assert not replace(GOOD, **changes).is_balanced


def test_a_row_that_is_true_has_no_difference() -> None:
    assert find_difference(TRUTH, ROW) is None


@pytest.mark.parametrize(
    "row",
    [
        None,
        ROW.model_copy(update={"is_deleted": True}),
        ROW.model_copy(update={"status": "handling"}),
        ROW.model_copy(update={"total_minor": 6}),
        ROW.model_copy(update={"source_updated_at": STAMP.replace(hour=11)}),
    ],
)
def test_a_row_that_differs_is_found(row: OrderRecord | None) -> None:
    assert find_difference(TRUTH, row) is not None


def test_a_deleted_object_needs_a_tombstone() -> None:
    truth = TRUTH | {"deleted": True}
    assert find_difference(truth, ROW.model_copy(update={"is_deleted": True})) is None
    assert find_difference(truth, ROW) is not None
