"""How current a tenant's integrations are."""

from app.api.call import Call
from app.api.operation import Operation, Result
from app.services.sync_status import read_sync_status
from schemas.api import Answer
from schemas.sync_status import SyncStatus

TAG = "integrations"


class SyncStatusAnswer(SyncStatus, Answer):
    """The document prints this bare: its members stand at the top level."""


async def get_sync_status(call: Call) -> Result:
    status = await read_sync_status(call.office, call.get_tenant())
    return Result(SyncStatusAnswer(**status.model_dump()))


OPERATIONS = (
    Operation(
        "get_sync_status", "GET", "/tenant-integrations/{tenant_id:int}/sync-status", "tenant", "integrations:read",
        "How current each integration is, and the worst of them", TAG, get_sync_status, SyncStatusAnswer,
        tenant_in="path",
    ),
)  # fmt: skip
