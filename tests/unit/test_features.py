"""Features: what is on, what is known, and what each gates."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from app.services.features import FeatureState, has_feature, is_feature_name, list_features
from schemas.tenants import FeatureName

TAKEN = TypeAdapter(FeatureName)  # what the API takes as a name


def test_the_documents_features_are_known_and_only_api_access_gates_something() -> None:
    known = {state.name: state for state in list_features({})}
    assert set(known) == {
        "rfm_analysis", "clv_prediction", "churn_detection", "email_automation", "api_access", "custom_reports",
        "advanced_analytics",
    }  # fmt: skip
    assert all(state.is_known for state in known.values())
    assert [name for name, state in known.items() if state.gates is not None] == ["api_access"]


def test_unknown_ones_are_kept_and_shown_as_unknown() -> None:
    settings = {"features": {"zeta": False, "alpha_beta": True, "rfm_analysis": True}}
    assert list_features(settings)[-2:] == [
        FeatureState("alpha_beta", is_enabled=True, is_known=False, gates=None),
        FeatureState("zeta", is_enabled=False, is_known=False, gates=None),
    ]
    assert has_feature(settings, "alpha_beta")


@pytest.mark.parametrize(
    ("settings", "name", "expected"),
    [
        ({}, "api_access", True),
        ({"features": {"api_access": False}}, "api_access", False),
        ({"features": {"api_access": "false"}}, "api_access", True),
        ({"features": {"rfm_analysis": 1}}, "rfm_analysis", False),
        ({"features": None}, "rfm_analysis", False),
        ({"features": {"rfm_analysis": True}}, "rfm_analysis", True),
    ],
)
def test_only_true_and_false_switch(settings: dict[str, Any], name: str, expected: bool) -> None:
    assert has_feature(settings, name) is expected


@pytest.mark.parametrize("name", ["a", "advanced_analytics", "v2_api", "a" * 64])
def test_snake_case_is_a_name(name: str) -> None:
    assert is_feature_name(name)
    assert TAKEN.validate_python(name) == name


@pytest.mark.parametrize("name", ["", "A", "a__b", "_a", "a_", "a-b", "ñ", "a\n", "a" * 65])
def test_anything_else_is_none(name: str) -> None:
    assert not is_feature_name(name)
    with pytest.raises(ValidationError):
        TAKEN.validate_python(name)
