-- set_gaps [worker, syncer, web, operator]: a gap only ever grows backwards, until a repair closes it.
-- A limit's mark is closed without a repair, so it never stands in the place of another. A gap that is being repaired
-- takes every other mark, however late: that one the repair may not have seen. What is held already is left out before
-- the write, which would lock it: live batches must not wait here for a bulk page.
INSERT INTO gaps AS g (tenant_id, integration_id, stream, gap_since, reason)
SELECT DISTINCT ON (n.integration_id, n.stream) $1::integer, n.integration_id, n.stream, n.gap_since, n.reason
FROM unnest($2::integer[], $3::text[], $4::timestamptz[], $5::text[]) AS n (integration_id, stream, gap_since, reason)
WHERE NOT EXISTS (
    SELECT FROM gaps AS h
    WHERE h.tenant_id = $1 AND h.integration_id = n.integration_id AND h.stream = n.stream
      AND h.gap_since <= n.gap_since
      AND (h.reason NOT IN ('customer_limit', 'storage_limit', 'repairing')
           OR n.reason IN ('customer_limit', 'storage_limit')))
ORDER BY n.integration_id, n.stream, n.gap_since
ON CONFLICT (tenant_id, integration_id, stream) DO UPDATE
SET gap_since = least(g.gap_since, EXCLUDED.gap_since), updated_at = now(),
    reason = CASE WHEN g.reason IN ('customer_limit', 'storage_limit') THEN EXCLUDED.reason
                  WHEN g.reason = 'repairing' AND EXCLUDED.reason NOT IN ('customer_limit', 'storage_limit')
                    THEN EXCLUDED.reason
                  WHEN EXCLUDED.reason IN ('customer_limit', 'storage_limit') THEN g.reason
                  WHEN g.gap_since > EXCLUDED.gap_since THEN EXCLUDED.reason
                  ELSE g.reason END
WHERE g.gap_since > EXCLUDED.gap_since
   OR (g.reason IN ('customer_limit', 'storage_limit', 'repairing')
       AND EXCLUDED.reason NOT IN ('customer_limit', 'storage_limit'));

-- set_gaps_everywhere [worker, operator]: Redis lost its memory: anybody may miss something.
INSERT INTO gaps AS g (tenant_id, integration_id, stream, gap_since, reason)
SELECT i.tenant_id, i.integration_id, s.stream, $2, $3
FROM tenant_integrations AS i CROSS JOIN unnest($1::text[]) AS s (stream)
WHERE i.status <> 'deleted' ORDER BY i.tenant_id, i.integration_id, s.stream
ON CONFLICT (tenant_id, integration_id, stream) DO UPDATE
SET gap_since = least(g.gap_since, EXCLUDED.gap_since), reason = EXCLUDED.reason, updated_at = now()
WHERE g.gap_since > EXCLUDED.gap_since OR g.reason IN ('customer_limit', 'storage_limit', 'repairing');

-- close_limit_gaps [worker]: where nobody waits any more; every other gap takes a repair.
DELETE FROM gaps AS g
WHERE g.tenant_id = $1 AND g.stream = 'customers' AND g.reason IN ('customer_limit', 'storage_limit')
  AND NOT EXISTS (
    SELECT FROM waiting_customers AS w WHERE w.tenant_id = $1 AND w.integration_id = g.integration_id)
RETURNING g.integration_id;

-- begin_gap_repair [syncer]: marks that come from now on are not this repair's.
UPDATE gaps AS g SET reason = 'repairing', updated_at = now()
WHERE g.tenant_id = $1 AND g.integration_id = $2 AND g.stream = $3
  AND g.reason NOT IN ('customer_limit', 'storage_limit', 'repairing');

-- close_repaired_gap [syncer]: unless it was marked anew.
DELETE FROM gaps AS g
WHERE g.tenant_id = $1 AND g.integration_id = $2 AND g.stream = $3 AND g.reason = 'repairing' AND g.gap_since >= $4;

-- narrow_repaired_gap [syncer]: what was marked while it was being repaired begins with that repair.
UPDATE gaps AS g SET gap_since = $5, updated_at = now()
WHERE g.tenant_id = $1 AND g.integration_id = $2 AND g.stream = $3 AND g.reason NOT IN ('customer_limit', 'storage_limit')
  AND g.gap_since >= $4 AND g.gap_since < $5;

-- list_gaps [worker, syncer, web, operator]: one tenant's.
SELECT g.tenant_id, g.integration_id, g.stream, g.gap_since, g.reason, g.updated_at FROM gaps AS g
WHERE g.tenant_id = $1 ORDER BY g.integration_id, g.stream;

-- list_gaps_by_tenant [worker, syncer, web, operator]: everybody's: platform work.
SELECT g.tenant_id, g.integration_id, g.stream, g.gap_since, g.reason, g.updated_at FROM gaps AS g
ORDER BY g.tenant_id, g.integration_id, g.stream;

-- list_limited_tenants [worker]: where a limit has marked a gap: platform work.
SELECT DISTINCT g.tenant_id FROM gaps AS g WHERE g.reason IN ('customer_limit', 'storage_limit') ORDER BY g.tenant_id;
