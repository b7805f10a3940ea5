"""Features of a tenant: any `snake_case` name may be switched on; known ones say what they are for. Pure."""

from collections.abc import Mapping

# Name → what it gates. Only what is said to gate something today does.
KNOWN_FEATURES: Mapping[str, str] = {
    "api_access": "gates the API's data: orders, customers and the ledger of this tenant",
    "rfm_analysis": "gates nothing yet",
    "clv_prediction": "gates nothing yet",
    "churn_detection": "gates nothing yet",
    "email_automation": "gates nothing yet",
    "custom_reports": "gates nothing yet",
    "advanced_analytics": "gates nothing yet",
}


def list_unknown(features: Mapping[str, bool]) -> list[str]:
    """Those that are kept and mean nothing to us."""
    return sorted(name for name in features if name not in KNOWN_FEATURES)
