-- save_tenant_snapshots [worker]: all tenants' at once: platform work.
INSERT INTO tenant_snapshots AS s (
    tenant_id, taken_at, health, worst_integration_id, integrations, customers, customers_max, customers_waiting,
    stored_bytes, storage_bytes_max, api_calls_today, api_calls_day_max, waiting, oldest_s, dead_waiting, dead_recently,
    events_recently, freshness_p50_ms, freshness_p99_ms, objective_percent, month_counted, month_late, burn)
SELECT n.tenant_id, $1, n.health, n.worst_integration_id, n.integrations, n.customers, n.customers_max,
       n.customers_waiting, n.stored_bytes, n.storage_bytes_max, n.api_calls_today, n.api_calls_day_max, n.waiting,
       n.oldest_s, n.dead_waiting, n.dead_recently, n.events_recently, n.freshness_p50_ms, n.freshness_p99_ms,
       n.objective_percent, n.month_counted, n.month_late, n.burn
FROM unnest($2::integer[], $3::text[], $4::integer[], $5::integer[], $6::bigint[], $7::bigint[], $8::bigint[],
            $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::double precision[],
            $15::bigint[], $16::bigint[], $17::bigint[], $18::double precision[], $19::double precision[],
            $20::double precision[], $21::bigint[], $22::bigint[], $23::text[])
     AS n (tenant_id, health, worst_integration_id, integrations, customers, customers_max, customers_waiting,
           stored_bytes, storage_bytes_max, api_calls_today, api_calls_day_max, waiting, oldest_s, dead_waiting,
           dead_recently, events_recently, freshness_p50_ms, freshness_p99_ms, objective_percent, month_counted,
           month_late, burn)
ORDER BY n.tenant_id
ON CONFLICT (tenant_id) DO UPDATE SET
    taken_at = EXCLUDED.taken_at, health = EXCLUDED.health, worst_integration_id = EXCLUDED.worst_integration_id,
    integrations = EXCLUDED.integrations, customers = EXCLUDED.customers, customers_max = EXCLUDED.customers_max,
    customers_waiting = EXCLUDED.customers_waiting, stored_bytes = EXCLUDED.stored_bytes,
    storage_bytes_max = EXCLUDED.storage_bytes_max, api_calls_today = EXCLUDED.api_calls_today,
    api_calls_day_max = EXCLUDED.api_calls_day_max, waiting = EXCLUDED.waiting, oldest_s = EXCLUDED.oldest_s,
    dead_waiting = EXCLUDED.dead_waiting, dead_recently = EXCLUDED.dead_recently,
    events_recently = EXCLUDED.events_recently, freshness_p50_ms = EXCLUDED.freshness_p50_ms,
    freshness_p99_ms = EXCLUDED.freshness_p99_ms, objective_percent = EXCLUDED.objective_percent,
    month_counted = EXCLUDED.month_counted, month_late = EXCLUDED.month_late, burn = EXCLUDED.burn
WHERE s.taken_at < EXCLUDED.taken_at;

-- save_integration_snapshots [worker]: as above.
INSERT INTO integration_snapshots AS s (
    tenant_id, integration_id, taken_at, health, rule, is_syncing, last_sync_at, due_at)
SELECT n.tenant_id, n.integration_id, $1, n.health, n.rule, n.is_syncing, n.last_sync_at, n.due_at
FROM unnest($2::integer[], $3::integer[], $4::text[], $5::text[], $6::boolean[], $7::timestamptz[], $8::timestamptz[])
     AS n (tenant_id, integration_id, health, rule, is_syncing, last_sync_at, due_at)
ORDER BY n.tenant_id, n.integration_id
ON CONFLICT (tenant_id, integration_id) DO UPDATE SET
    taken_at = EXCLUDED.taken_at, health = EXCLUDED.health, rule = EXCLUDED.rule, is_syncing = EXCLUDED.is_syncing,
    last_sync_at = EXCLUDED.last_sync_at, due_at = EXCLUDED.due_at
WHERE s.taken_at < EXCLUDED.taken_at;

-- forget_tenant_snapshots [worker]: of tenants that are deleted meanwhile: platform work.
DELETE FROM tenant_snapshots AS s WHERE s.taken_at < $1;

-- forget_integration_snapshots [worker]: as above.
DELETE FROM integration_snapshots AS s WHERE s.taken_at < $1;

-- list_tenant_snapshots [worker, web, operator]: of some tenants or, with NULL, of all: platform work.
SELECT s.tenant_id, s.taken_at, s.health, s.worst_integration_id, s.integrations, s.customers, s.customers_max,
       s.customers_waiting, s.stored_bytes, s.storage_bytes_max, s.api_calls_today, s.api_calls_day_max, s.waiting,
       s.oldest_s, s.dead_waiting, s.dead_recently, s.events_recently, s.freshness_p50_ms, s.freshness_p99_ms,
       s.objective_percent, s.month_counted, s.month_late, s.burn
FROM tenant_snapshots AS s WHERE $1::integer[] IS NULL OR s.tenant_id = ANY ($1) ORDER BY s.tenant_id;
