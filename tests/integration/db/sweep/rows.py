"""One row of every tenant table for acme and for globex: the same ids, e-mail indexes, slugs of objects and names in
both, and in globex's something that is found wherever it turns up."""

from typing import Any

from tests.integration.db.cast import ACME, GLOBEX

CANARY, CANARY_NUMBER = "globexcanary", 919_191_919

# {t}: the tenant. {c}: a text and {n}: a number that tell whose row it is. Parents before what refers to them.
ROWS = {
    "tenants": "INSERT INTO tenants (tenant_id, name, slug, type, plan, status_reason)"
    " VALUES ({t}, 'brand', 'brand-{t}', 'business', 'p', '{c}')",
    "tenant_integrations": "INSERT INTO tenant_integrations (tenant_id, integration_id, connector, account, name,"
    " status_reason) VALUES ({t}, 1, 'vtex', 'store', 'Store', '{c}')",
    "integration_tokens": "INSERT INTO integration_tokens (tenant_id, integration_id, sealed, key_version,"
    " refused_origin) VALUES ({t}, 1, '{c}', {n}, '{c}')",
    "endpoints": "INSERT INTO endpoints (tenant_id, endpoint_id, integration_id, kind, source, token_hash, header_name)"
    " VALUES ({t}, '00000000-0000-7000-8000-000000000001', 1, 'order_hook', 'vtex', sha256('{c}'), '{c}')",
    "customers": "INSERT INTO customers (tenant_id, source, account, external_id, source_updated_at, mapper_version,"
    " observed_at, content_hash, locale, sealed)"
    " VALUES ({t}, 'vtex', 'store', 'c-1', now(), 1, now(), '', '{c}', '{c}')",
    "customer_identities": "INSERT INTO customer_identities VALUES ({t}, 'email', 1, 'same', 'vtex', 'store', 'c-1'),"
    " ({t}, 'email', {n} % 1000, '{c}', 'vtex', 'store', 'c-1')",
    "orders": "INSERT INTO orders (tenant_id, source, account, external_id, source_updated_at, mapper_version,"
    " observed_at, content_hash, status_class, total_minor, coupon, sealed)"
    " VALUES ({t}, 'vtex', 'store', 'o-1', now(), 1, now(), '', 'open', {n}, '{c}', '{c}')",
    "order_items": "INSERT INTO order_items (tenant_id, source, account, external_id, line_number, name)"
    " VALUES ({t}, 'vtex', 'store', 'o-1', 1, '{c}')",
    "order_identities": "INSERT INTO order_identities VALUES ({t}, 'email', 1, 'same', 'vtex', 'store', 'o-1'),"
    " ({t}, 'email', {n} % 1000, '{c}', 'vtex', 'store', 'o-1')",
    "ad_spend_days": "INSERT INTO ad_spend_days (tenant_id, source, account, level, day, integration_id, observed_at,"
    " mapper_version, content_hash, currency, time_zone)"
    " VALUES ({t}, 'google_ads', '1', 'campaign', '2026-11-01', 1, now(), 1, '', 'ARS', '{c}')",
    "ad_spend": "INSERT INTO ad_spend (tenant_id, source, account, level, day, campaign_id, integration_id, cost_minor,"
    " impressions, clicks, conversions_micros, value_minor, currency, campaign_name)"
    " VALUES ({t}, 'google_ads', '1', 'campaign', '2026-11-01', '7', 1, {n}, 0, 0, 0, 0, 'ARS', '{c}')",
    "events": "INSERT INTO events VALUES ({t}, current_date, '00000000-0000-7000-8000-000000000001', 1, 1, 5, 'order',"
    " 'o-1', '{c}', 'applied')",
    "events_default": "INSERT INTO events VALUES ({t}, '1999-01-01', '00000000-0000-7000-8000-000000000002', 1, 1, 5,"
    " 'order', 'o-1', '{c}', 'applied')",
    "event_day_totals": "INSERT INTO event_day_totals VALUES ({t}, '2026-11-01', 'applied', 'live', {n})",
    "dead_letters": "INSERT INTO dead_letters (tenant_id, event_id, received_on, integration_id, kind, object_id,"
    " reason, attempts)"
    " VALUES ({t}, '00000000-0000-7000-8000-000000000003', '2026-11-01', 1, 'order', 'o-1', '{c}', 1)",
    "dead_letter_counts": "INSERT INTO dead_letter_counts VALUES ({t}, '{c}', {n})",
    "tenant_snapshots": "INSERT INTO tenant_snapshots VALUES ({t}, '2026-11-01', 'healthy', 1, 1, {n}, 1, 0, 0, 1, 0,"
    " 1, 0, NULL, 0, 0, 0, NULL, NULL)",
    "integration_snapshots": "INSERT INTO integration_snapshots VALUES ({t}, {n}, '2026-11-01', 'healthy', 'age',"
    " false, NULL, NULL)",
    "bulk_operations": "INSERT INTO bulk_operations (tenant_id, operation_id, action, reason, actor_kind, actor_id,"
    " estimated, is_at_least)"
    " VALUES ({t}, '00000000-0000-7000-8000-000000000006', 'discard', '{c}', 'key', '{c}', {n}, false)",
    "event_minutes": "INSERT INTO event_minutes VALUES ({t}, '2026-11-01', 'orders', 'live', 1, 0, 0, 0, 0, 0, {n}, 0,"
    " '{{1}}', '{{1}}')",
    "event_hours": "INSERT INTO event_hours VALUES ({t}, '2026-11-01', 'orders', 1, 0, 0, 0, 0, 0, {n}, 0, '{{1}}',"
    " '{{1}}')",
    "objective_states": "INSERT INTO objective_states VALUES ({t}, '2026-11-01', '2026-11-01', {n}, 0, 0, 0, 0, 0)",
    "counters": "INSERT INTO counters VALUES ({t}, 'customers', 'live', {n})",
    "gaps": "INSERT INTO gaps VALUES ({t}, 1, 'orders', now(), '{c}')",
    "integration_activity": "INSERT INTO integration_activity VALUES ({t}, 1, 'live', '2026-11-01')",
    "hook_watches": "INSERT INTO hook_watches (tenant_id, integration_id, path_problem) VALUES ({t}, 1, '{c}')",
    "waiting_customers": "INSERT INTO waiting_customers (tenant_id, source, account, external_id, integration_id,"
    " form) VALUES ({t}, 'vtex', 'store', 'c-2', 1, 'hint'), ({t}, 'vtex', 'store', '{c}', 1, 'hint')",
    "api_usage": "INSERT INTO api_usage VALUES ({t}, '2026-11-01', {n})",
    "sync_runs": "INSERT INTO sync_runs (tenant_id, run_id, integration_id, kind, trigger, reason, requested_by)"
    " VALUES ({t}, '00000000-0000-7000-8000-000000000005', 1, 'full', 'manual', '{c}', '{c}')",
    "sync_run_streams": "INSERT INTO sync_run_streams (tenant_id, run_id, integration_id, stream, listed,"
    " error_example) VALUES ({t}, '00000000-0000-7000-8000-000000000005', 1, 'orders', {n}, '{c}')",
    "sync_streams": "INSERT INTO sync_streams (tenant_id, integration_id, stream, full_at)"
    " VALUES ({t}, 1, '{c}', '2026-11-01')",
    "sync_schedules": "INSERT INTO sync_schedules (tenant_id, integration_id, next_sync_at, frequency, time_zone)"
    " VALUES ({t}, 1, '2026-11-01', '{c}', 'UTC')",
    "listing_marks": "INSERT INTO listing_marks (tenant_id, stream, source, account, external_id, fingerprint,"
    " reason) VALUES ({t}, 'orders', 'vtex', 'store', 'o-1', '{c}', 'dead')",
    "completeness_days": "INSERT INTO completeness_days (tenant_id, integration_id, stream, day, run_id, listed,"
    " missing, stale, unlisted)"
    " VALUES ({t}, 1, 'orders', '2026-11-01', '00000000-0000-7000-8000-000000000005', {n}, 0, 0, 0)",
    "completeness_findings": "INSERT INTO completeness_findings (tenant_id, run_id, stream, external_id, finding,"
    " day) VALUES ({t}, '00000000-0000-7000-8000-000000000005', 'orders', 'o-1', 'missing', '2026-11-01'),"
    " ({t}, '00000000-0000-7000-8000-000000000005', 'orders', '{c}', 'missing', '2026-11-01')",
    "alert_rules": "INSERT INTO alert_rules (tenant_id, rule, threshold) VALUES ({t}, '{c}', {n})",
    "alerts": "INSERT INTO alerts (tenant_id, alert_id, rule, severity, opened_at, last_seen_at, value, details)"
    " VALUES ({t}, '00000000-0000-7000-8000-000000000006', 'storage', 'warning', now(), now(), {n},"
    " jsonb_build_object('a', '{c}'))",
    "alert_channels": "INSERT INTO alert_channels (tenant_id, channel_id, kind, name, sealed)"
    " VALUES ({t}, '00000000-0000-7000-8000-000000000007', 'slack', '{c}', '{c}')",
    "alert_deliveries": "INSERT INTO alert_deliveries (tenant_id, delivery_id, alert_id, channel_id, occasion,"
    " created_at, due_at, last_failure) VALUES ({t}, '00000000-0000-7000-8000-000000000008',"
    " '00000000-0000-7000-8000-000000000006', '00000000-0000-7000-8000-000000000007', 'opened', now(), now(), '{c}')",
    "audit_entries": "INSERT INTO audit_entries (tenant_id, audit_id, actor_kind, actor_id, action, object_kind,"
    " object_id) VALUES ({t}, '00000000-0000-7000-8000-000000000004', 'key', '{c}', 'a', 'b', 'c')",
}

LIST_TENANT_TABLES = """
    SELECT c.relname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum = 1 ORDER BY c.relname"""


async def plant_rows(superuser: Any) -> None:
    for statement in ROWS.values():
        await superuser.execute(statement.format(t=ACME, c="ours", n=1))
        await superuser.execute(statement.format(t=GLOBEX, c=CANARY, n=CANARY_NUMBER))


async def list_tenant_tables(superuser: Any) -> list[str]:
    """Every table that begins with tenant_id, partitions among them."""
    return [row["relname"] for row in await superuser.fetch(LIST_TENANT_TABLES)]


async def describe_rows(superuser: Any, tables: list[str], tenant_id: int) -> dict[str, str]:
    """Table → a hash over the tenant's rows there, transaction ids included: an untouched row keeps its own."""
    return {
        table: await superuser.fetchval(
            f"SELECT coalesce(md5(string_agg(md5(x.ctid::text || x.xmin::text || x.xmax::text || x::text), ','"
            f" ORDER BY x.ctid)), '') FROM {table} AS x WHERE x.tenant_id = {tenant_id}"
        )
        for table in tables
    }
