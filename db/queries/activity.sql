-- note_activity [worker, syncer]: sorted, and only what is older than a second: a busy integration is written once a
-- second however many batches it has, and locked by no other writer.
INSERT INTO integration_activity AS a (tenant_id, integration_id, writer, last_synced_at)
SELECT $1, n.integration_id, $2, now() FROM unnest($3::integer[]) AS n (integration_id)
WHERE NOT EXISTS (
    SELECT FROM integration_activity AS h
    WHERE h.tenant_id = $1 AND h.integration_id = n.integration_id AND h.writer = $2
      AND h.last_synced_at > now() - interval '1 second')
ORDER BY n.integration_id
ON CONFLICT (tenant_id, integration_id, writer) DO UPDATE SET last_synced_at = EXCLUDED.last_synced_at
WHERE a.last_synced_at < EXCLUDED.last_synced_at;

-- list_activity [worker, web, operator]: one tenant's, the latest over the writers.
SELECT a.integration_id, max(a.last_synced_at) AS last_synced_at FROM integration_activity AS a
WHERE a.tenant_id = $1 GROUP BY a.integration_id ORDER BY a.integration_id;
