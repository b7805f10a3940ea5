-- list_integration_rows [worker, web, operator, syncer]: what health is judged by, of one tenant or, as platform work, of
-- all ($1 NULL): small tables alone, each read once.
SELECT i.tenant_id, i.integration_id, i.connector, i.account, i.name, i.status, i.status_reason, i.created_at,
       i.auto_sync AND i.sealed_credentials IS NOT NULL AS is_synced, i.sync_frequency, i.hook_status,
       i.credentials_expire_at, a.last_sync_at, w.silent_since, g.gap_since, r.tenant_id IS NOT NULL AS is_syncing
FROM tenant_integrations AS i
LEFT JOIN (
    SELECT s.tenant_id, s.integration_id, max(s.last_synced_at) AS last_sync_at FROM integration_activity AS s
    WHERE $1::integer IS NULL OR s.tenant_id = $1 GROUP BY s.tenant_id, s.integration_id
) AS a ON a.tenant_id = i.tenant_id AND a.integration_id = i.integration_id
LEFT JOIN hook_watches AS w ON w.tenant_id = i.tenant_id AND w.integration_id = i.integration_id
LEFT JOIN (
    SELECT s.tenant_id, s.integration_id, min(s.gap_since) AS gap_since FROM gaps AS s
    WHERE $1::integer IS NULL OR s.tenant_id = $1 GROUP BY s.tenant_id, s.integration_id
) AS g ON g.tenant_id = i.tenant_id AND g.integration_id = i.integration_id
LEFT JOIN (
    SELECT DISTINCT s.tenant_id, s.integration_id FROM sync_runs AS s
    WHERE s.status = 'running' AND s.paused_at IS NULL AND ($1::integer IS NULL OR s.tenant_id = $1)
) AS r ON r.tenant_id = i.tenant_id AND r.integration_id = i.integration_id
WHERE i.status <> 'deleted' AND ($1::integer IS NULL OR i.tenant_id = $1)
ORDER BY i.tenant_id, i.integration_id;

-- list_figures [worker, web, operator]: what each tenant holds and used today ($2), of one or, as platform work, of all.
-- One probe per tenant into each table: neither the days kept nor the other counters are looked at.
SELECT t.tenant_id, c.customers, c.stored_bytes, c.customers_waiting, coalesce(u.calls, 0)::bigint AS api_calls_today,
       d.dead_waiting
FROM tenants AS t
CROSS JOIN LATERAL (
    SELECT coalesce(sum(n.value) FILTER (WHERE n.name = 'customers'), 0)::bigint AS customers,
           coalesce(sum(n.value) FILTER (WHERE n.name = 'stored_bytes'), 0)::bigint AS stored_bytes,
           coalesce(sum(n.value) FILTER (WHERE n.name = 'customers_waiting'), 0)::bigint AS customers_waiting
    FROM counters AS n
    WHERE n.tenant_id = t.tenant_id AND n.name = ANY ('{customers,customers_waiting,stored_bytes}'::text[])
) AS c
CROSS JOIN LATERAL (
    SELECT greatest(coalesce(sum(n.waiting), 0), 0)::bigint AS dead_waiting FROM dead_letter_counts AS n
    WHERE n.tenant_id = t.tenant_id
) AS d
LEFT JOIN LATERAL (
    SELECT n.calls FROM api_usage AS n WHERE n.tenant_id = t.tenant_id AND n.used_on = $2 OFFSET 0
) AS u ON true
WHERE t.status <> 'deleted' AND ($1::integer IS NULL OR t.tenant_id = $1);
