"""The end of a tenant whose grace period is over. It may be killed at any point: the next run goes on.

1. Status `deleted` (reason `erasing`): no cancellation any more. 2. Its keys: whatever is left anywhere, in backups and
in other processes' hands, opens no more. 3. Its endpoints and credentials. 4. Its queue: events that were accepted are
dropped on purpose, and counted in the audit. 5. Its rows, in batches. 6. Its keys to the API and its people's roles.
7. `erased`, when KEYS_CACHE_TTL_S has passed since 1: until then a process that has not forgotten the keys could still
write rows, and every run removes them. What stays: the ledger until it ages out, the audit, the taken slug.
"""

from collections import Counter

from app.core.logging import get_logger
from app.core.queue import Queue
from app.services.audit import write_audit
from app.services.directory import publish_directory
from app.services.keyring import Keyring
from app.services.tenant_lifecycle import SYSTEM, TenantOffice
from db.erasure import BATCHED_TABLES, close_doors, erase_batch, erase_small, remove_access
from db.lifecycle import begin_erasure, find_lifecycle, finish_erasure, list_due_erasures

ROWS_PER_BATCH = 5_000

log = get_logger()


async def erase_due_tenants(office: TenantOffice, keyring: Keyring, queue: Queue) -> int:
    """Begins or goes on with every erasure that is due; how many were finished. One that fails is logged and tried
    again by the next run, and keeps no other from its turn."""
    finished = 0
    for tenant_id in await list_due_erasures(office.database):
        try:
            if await _begin(office, tenant_id):
                finished += await _erase(office, keyring, queue, tenant_id)
        except Exception as error:
            log.exception("tenant.erasure_failed", tenant_id=tenant_id, error=type(error).__name__)
    return finished


async def _begin(office: TenantOffice, tenant_id: int) -> bool:
    """False when it was cancelled in the last moment."""
    async with office.database.platform_tx("begin_erasure") as connection:
        if await begin_erasure(connection, tenant_id):
            await write_audit(connection, tenant_id, SYSTEM, "tenant.erasure_begun", "tenant", str(tenant_id))
            return True
        found = await find_lifecycle(connection, tenant_id)
    return found is not None and found.status == "deleted"


async def _erase(office: TenantOffice, keyring: Keyring, queue: Queue, tenant_id: int) -> bool:
    await keyring.destroy(tenant_id)
    removed: Counter[str] = Counter()
    async with office.database.tenant_tx(tenant_id, "erasure") as connection:
        removed["doors"] = await close_doors(connection, tenant_id)
    await publish_directory(office.database, office.redis, office.settings)
    removed["events_dropped"] = await queue.empty(tenant_id)
    for table in BATCHED_TABLES:
        removed[table] = await _erase_table(office, tenant_id, table)
    async with office.database.tenant_tx(tenant_id, "erasure") as connection:
        await erase_small(connection, tenant_id)
    return await _finish(office, tenant_id, removed)


async def _erase_table(office: TenantOffice, tenant_id: int, table: str) -> int:
    rows = 0
    while True:
        async with office.database.tenant_tx(tenant_id, "erasure") as connection:
            deleted = await erase_batch(connection, tenant_id, table, ROWS_PER_BATCH)
        rows += deleted
        if deleted < ROWS_PER_BATCH:
            return rows


async def _finish(office: TenantOffice, tenant_id: int, removed: "Counter[str]") -> bool:
    """One entry for each run that removed anything: a run that is killed before this leaves its counts to nobody."""
    settings = office.settings
    async with office.database.platform_tx("finish_erasure") as connection:
        removed["access"] = await remove_access(connection, tenant_id)
        details: dict[str, object] = {name: count for name, count in sorted(removed.items()) if count}
        is_finished = await finish_erasure(connection, tenant_id, float(settings.keys_cache_ttl_s))
        if details:
            await write_audit(connection, tenant_id, SYSTEM, "tenant.data_erased", "tenant", str(tenant_id), details)
        if is_finished:
            await write_audit(connection, tenant_id, SYSTEM, "tenant.erased", "tenant", str(tenant_id))
    log.info("tenant.erasure", tenant_id=tenant_id, is_finished=is_finished, removed=details)
    return is_finished
