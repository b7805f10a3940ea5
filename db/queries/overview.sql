-- list_overview [web, operator]: platform work: a page of tenants with their figures as they were put down last. All rows
-- are looked at, but these tables have one a tenant, and nothing of them grows with events.
-- $1 text, small; $2 health; $3 by what; $4 the other way round; $5 rows; $6 rows before.
WITH found AS (
    SELECT t.tenant_id, t.organization_id, t.name, t.slug, t.type, t.plan, t.status, t.worker_group, t.trial_ends_at,
           s.taken_at, coalesce(s.health, 'unknown') AS health, i.connector AS worst_connector, i.account AS worst_account,
           i.name AS worst_name, coalesce(s.integrations, 0) AS integrations, coalesce(s.customers, 0) AS customers,
           coalesce(s.customers_max, 0) AS customers_max, coalesce(s.stored_bytes, 0) AS stored_bytes,
           coalesce(s.storage_bytes_max, 0) AS storage_bytes_max, coalesce(s.api_calls_today, 0) AS api_calls_today,
           coalesce(s.api_calls_day_max, 0) AS api_calls_day_max, coalesce(s.waiting, 0) AS waiting, s.oldest_s,
           coalesce(s.dead_waiting, 0) AS dead_waiting, coalesce(s.events_recently, 0) AS events_recently,
           s.freshness_p50_ms, s.freshness_p99_ms, coalesce(a.alerts, 0) AS alerts, coalesce(a.is_critical, false) AS is_critical
    FROM tenants AS t
    LEFT JOIN tenant_snapshots AS s ON s.tenant_id = t.tenant_id
    LEFT JOIN tenant_integrations AS i ON i.tenant_id = t.tenant_id AND i.integration_id = s.worst_integration_id
    LEFT JOIN (
        SELECT o.tenant_id, count(*) AS alerts, bool_or(o.severity = 'critical') AS is_critical
        FROM alerts AS o WHERE o.state = 'open' GROUP BY o.tenant_id
    ) AS a ON a.tenant_id = t.tenant_id
    WHERE t.status <> 'deleted'
      AND ($1 = '' OR strpos(lower(t.name), $1) > 0 OR strpos(t.slug, $1) > 0 OR t.tenant_id::text = $1)
      AND ($2::text IS NULL OR coalesce(s.health, 'unknown') = $2)
), keyed AS (
    SELECT f.*,
           CASE $3::text
               WHEN 'customers' THEN f.customers
               WHEN 'health' THEN array_position('{critical,warning,unknown,healthy,paused}'::text[], f.health)
               WHEN 'freshness' THEN f.freshness_p99_ms
               WHEN 'backlog' THEN f.waiting
               WHEN 'oldest' THEN f.oldest_s
               WHEN 'errors' THEN f.dead_waiting
               WHEN 'alerts' THEN f.alerts
               WHEN 'events' THEN f.events_recently
               WHEN 'limits' THEN greatest(f.customers::float8 / nullif(f.customers_max, 0),
                                           f.stored_bytes::float8 / nullif(f.storage_bytes_max, 0),
                                           f.api_calls_today::float8 / nullif(f.api_calls_day_max, 0))
           END AS number,
           CASE $3::text WHEN 'name' THEN lower(f.name) WHEN 'type' THEN f.type || ' ' || f.plan WHEN 'status' THEN f.status
           END AS word
    FROM found AS f
)
SELECT k.tenant_id, k.organization_id, k.name, k.slug, k.type, k.plan, k.status, k.worker_group, k.trial_ends_at, k.taken_at,
       k.health, k.worst_connector, k.worst_account, k.worst_name, k.integrations, k.customers, k.customers_max,
       k.stored_bytes, k.storage_bytes_max, k.api_calls_today, k.api_calls_day_max, k.waiting, k.oldest_s, k.dead_waiting,
       k.events_recently, k.freshness_p50_ms, k.freshness_p99_ms, k.alerts, k.is_critical, count(*) OVER () AS matching
FROM keyed AS k
ORDER BY CASE WHEN $4 THEN -k.number ELSE k.number END NULLS LAST, CASE WHEN $4 THEN NULL ELSE k.word END,
         CASE WHEN $4 THEN k.word END DESC NULLS LAST, k.tenant_id
LIMIT $5 OFFSET $6;

-- find_overview_figures [web, operator]: platform work: of all tenants, from the same small tables. The worst freshness is
-- that of the tenant where changes take longest.
SELECT (SELECT max(s.taken_at) FROM tenant_snapshots AS s) AS taken_at,
       (SELECT coalesce(sum(s.events_recently), 0)::bigint FROM tenant_snapshots AS s) AS events_recently,
       (SELECT coalesce(sum(s.dead_waiting), 0)::bigint FROM tenant_snapshots AS s) AS dead_waiting,
       (SELECT max(s.freshness_p99_ms) FROM tenant_snapshots AS s) AS freshness_worst_ms,
       (SELECT count(*) FROM alerts AS a WHERE a.state = 'open')
           + (SELECT count(*) FROM platform_alerts AS p WHERE p.state = 'open') AS alerts,
       (SELECT count(*) FROM alerts AS a WHERE a.state = 'open' AND a.severity = 'critical')
           + (SELECT count(*) FROM platform_alerts AS p WHERE p.state = 'open' AND p.severity = 'critical') AS critical_alerts;
