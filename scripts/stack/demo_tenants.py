"""The five demo tenants of the client's document: who they are, what they may, and which VTEX account is theirs.

The document names Chelsea's account and settings in full; the others follow its table of tenants. Limits are those of
their type unless they have their own.
"""

from typing import Any, NamedTuple

from app.services.tenant_limits import TENANT_TYPES, TenantType

ENVIRONMENT = "vtexcommercestable"
TRIAL_DAYS = 30
ORGANIZATIONS = {1: "Grupo Nerdistan"}

PLANS: dict[TenantType, str] = {"enterprise": "premium", "business": "standard", "trial": "evaluation"}
FEATURES = ("rfm_analysis", "clv_prediction", "churn_detection", "email_automation", "api_access", "custom_reports")
ENABLED: dict[TenantType, tuple[str, ...]] = {
    "enterprise": FEATURES,
    "business": ("rfm_analysis", "churn_detection", "email_automation", "api_access"),
    "trial": ("rfm_analysis", "api_access"),
}


class DemoBrand(NamedTuple):
    """`limits` are the brand's own, in place of its type's."""

    tenant_id: int
    organization_id: int | None
    name: str
    slug: str
    type: TenantType
    account: str
    limits: dict[str, int] | None = None

    @property
    def priority(self) -> str:
        return TENANT_TYPES[self.type].processing_priority

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "timezone": "America/Argentina/Buenos_Aires",
            "currency": "ARS",
            "language": "es",
            "data_retention_days": 2_555,
            **(self.limits or {}),
            "features": {feature: feature in ENABLED[self.type] for feature in FEATURES},
        }


BRANDS = (
    DemoBrand(56, 1, "Chelsea", "chelsea", "enterprise", "chelseaio", {"max_customers": 1_000_000}),
    DemoBrand(57, 1, "MundoJuguete", "mundojuguete", "enterprise", "mundojuguete"),
    DemoBrand(58, 1, "Seven Sport", "seven-sport", "enterprise", "sevensport"),
    DemoBrand(59, None, "Test Brand", "test-brand", "business", "testbrand"),
    DemoBrand(60, None, "Demo Account", "demo-account", "trial", "demoaccount"),
)
