"""Erasing a tenant: its rows in batches, its integrations and endpoints emptied, its access removed.

The ledger is not among them: it holds nothing personal and ages out. Nor is the audit, which nobody may delete from.
"""

import asyncpg

from db.queries import load_queries

SQL = load_queries("erasure")

BATCHED_TABLES = (
    "customers",
    "customer_identities",
    "orders",
    "order_items",
    "order_identities",
    "ad_spend",
    "ad_spend_days",
    "dead_letters",
    "waiting_customers",
    "listing_marks",
    "completeness_findings",
    "completeness_days",
    "sync_run_streams",
    "sync_runs",
    "event_minutes",
    "alert_deliveries",
    "alerts",
)
SMALL_TABLES = (
    *("counters", "gaps", "integration_activity", "hook_watches", "api_usage", "sync_streams", "sync_schedules"),
    *("alert_rules", "alert_channels", "bulk_operations", "integration_tokens"),
    *("dead_letter_counts", "tenant_snapshots", "integration_snapshots"),
    *("event_hours", "objective_states"),
)


async def erase_batch(connection: asyncpg.Connection, tenant_id: int, table: str, limit: int) -> int:
    """Deletes at most `limit` rows of one of BATCHED_TABLES; how many."""
    await connection.fetchval(SQL["plan_afresh"])
    return _count(await connection.execute(SQL[f"erase_{table}"], tenant_id, limit))


async def erase_small(connection: asyncpg.Connection, tenant_id: int) -> None:
    """Deletes all rows of SMALL_TABLES."""
    for table in SMALL_TABLES:
        await connection.execute(SQL[f"erase_{table}"], tenant_id)


async def close_doors(connection: asyncpg.Connection, tenant_id: int) -> int:
    """Deletes integrations' credentials and revokes endpoints, whose secrets go too; how many of both."""
    integrations = _count(await connection.execute(SQL["close_integrations"], tenant_id))
    return integrations + _count(await connection.execute(SQL["close_endpoints"], tenant_id))


async def remove_access(connection: asyncpg.Connection, tenant_id: int) -> int:
    """Revokes the tenant's own keys and removes people's roles in it; how many of both. Platform work."""
    keys = _count(await connection.execute(SQL["revoke_keys"], tenant_id))
    return keys + _count(await connection.execute(SQL["remove_roles"], tenant_id))


def _count(status: str) -> int:
    return int(status.rsplit(" ", 1)[-1])
