"""Organizations, tenants, their settings and limits, as the API takes and shows them."""

from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, StringConstraints

from schemas.api import Body, Moment, PageQuery, Query, ShortText, Shown

TenantType = Literal["trial", "business", "enterprise"]
TenantStatus = Literal["active", "suspended", "expired", "deleting", "deleted"]
Language = Literal["es", "pt", "en"]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
FEATURE_NAME = r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$"
FEATURE_NAME_CHARS_MAX = 64
FeatureName = Annotated[str, StringConstraints(pattern=FEATURE_NAME, max_length=FEATURE_NAME_CHARS_MAX)]
WorkerGroup = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
Count = Annotated[int, Field(strict=True, ge=0, le=10**12)]


def _check_timezone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("is no time zone of the IANA database, such as America/Argentina/Buenos_Aires")
    return name


Timezone = Annotated[str, StringConstraints(max_length=60), AfterValidator(_check_timezone)]


class NewOrganization(Body):
    name: ShortText


class Organization(Shown):
    organization_id: int
    name: str
    tenant_ids: list[int]
    created_at: datetime


class TenantsQuery(PageQuery):
    """`organization_id`, `status`: only those."""

    organization_id: int | None = Field(None, ge=1, le=2**31 - 1, description="only this organization's")
    status: TenantStatus | None = Field(
        None, description="only those that are so; all but deleted without it, which only platform admins find"
    )


class SettingsChange(Body):
    """A partial change: what is not named stays; null gives a limit back to the tenant's type."""

    max_customers: Count | None = None
    max_api_calls_day: Count | None = None
    storage_gb: Count | None = None
    features: dict[FeatureName, bool | None] | None = Field(None, max_length=100)
    timezone: Timezone | None = None
    currency: Currency | None = None
    language: Language | None = None
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    data_retention_days: Annotated[int, Field(strict=True, ge=1, le=36_500)] | None = None
    worker_group: WorkerGroup | None = None


class NewTenant(Body):
    """`plan` is a free label; limits come from `type`. A trial ends after 30 days."""

    name: ShortText
    slug: Slug
    type: TenantType
    plan: Annotated[str, StringConstraints(min_length=1, max_length=60)] = "standard"
    organization_id: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    settings: SettingsChange = SettingsChange()


class TenantChange(Body):
    """What of a tenant is not a setting; platform work. `organization_id`: null takes it out of its organization."""

    name: ShortText | None = None
    plan: Annotated[str, StringConstraints(min_length=1, max_length=60)] | None = None
    type: TenantType | None = None
    organization_id: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None


class Reason(Body):
    """Why, in the operator's words; kept with the tenant and shown to its people."""

    reason: ShortText


class IntegrationSummary(Shown):
    id: str
    type: str
    account: str
    environment: str
    status: str
    last_sync: datetime | None


class TenantSummary(Shown):
    """`last_sync`: the last moment at which the tenant was known to be current."""

    id: int
    name: str
    slug: str
    type: TenantType
    plan: str
    status: TenantStatus
    organization_id: int | None
    customer_count: int
    last_sync: datetime | None
    integrations: list[IntegrationSummary]


class TenantSettings(Shown):
    """As they hold: the tenant's own, else its type's."""

    timezone: str
    currency: str
    language: str
    country: str
    data_retention_days: int
    max_customers: int
    max_api_calls_day: int
    storage_gb: float
    worker_group: str


class LimitUse(Shown):
    """`own`: set for this tenant; false: its type's. `is_over`: what holds while it is over is said in `note`."""

    limit: int
    used: int
    unit: str
    own: bool
    is_over: bool
    note: str | None = None


class Tenant(TenantSummary):
    """`customers_waiting`: new customers that a limit keeps out; they are fetched when it rises. `feature_notes`: what
    each feature gates, or that we do not know it."""

    settings: TenantSettings
    features: dict[str, bool]
    feature_notes: dict[str, str]
    limits: dict[str, LimitUse]
    customers_waiting: int
    status_reason: str | None
    trial_ends_at: datetime | None
    delete_after: datetime | None
    created_at: datetime


class GlobalMetrics(Shown):
    """The whole platform's figures. None: nothing to compute it from yet."""

    total_tenants: int
    total_customers: int
    active_integrations: int
    total_api_calls_today: int
    storage_used_gb: float
    processing_time_avg_minutes: float | None


class Activation(Body):
    """`trial_ends_at`: for a trial whose time is over, until when it may go on."""

    trial_ends_at: Moment | None = None


class DeletionQuery(Query):
    confirmation: str | None = Field(None, max_length=100, description="the code that the first step answered")


class Deletion(Shown):
    """First step: `confirmation` is the code for the second, good until `confirm_before`. Second step: `delete_after`
    is when everything is erased and the keys are destroyed; until then it can be cancelled."""

    tenant_id: int
    status: TenantStatus
    confirmation: str | None
    confirm_before: datetime | None
    delete_after: datetime | None
    customers: int
    note: str
