-- list_health [worker, web, operator]: tenants, the worst first, as the view judges them: platform work. NULL: any health.
SELECT n.id, n.name, n.customer_count, n.last_sync, n.health_status, n.worst_integration_id, n.place
FROM (
    SELECT h.id, h.name, h.customer_count, h.last_sync, h.health_status, h.worst_integration_id,
           array_position('{critical,warning,unknown,healthy,paused}'::text[], h.health_status) AS place
    FROM tenant_health AS h WHERE $1::text IS NULL OR h.health_status = $1
) AS n
WHERE (n.place, n.id) > ($2::integer, $3::integer) ORDER BY n.place, n.id LIMIT $4;
