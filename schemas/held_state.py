"""What is stored of an object, nothing sealed: enough to see whether a provider's list shows the same."""

from datetime import datetime
from typing import NamedTuple

from schemas.records import StatusClass


class HeldState(NamedTuple):
    """What is stored of one object as far as a list could tell. None where its family has no such column."""

    external_id: str
    source_updated_at: datetime
    observed_at: datetime
    is_deleted: bool
    source_created_at: datetime | None
    status: str | None = None
    status_class: StatusClass | None = None
    total_minor: int | None = None
    authorized_at: datetime | None = None
    invoiced_at: datetime | None = None
    has_workflow_error: bool | None = None
