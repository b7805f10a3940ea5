-- list_repairable_gaps [syncer]: gaps whose trouble is over for long enough that the provider's lists show it, of
-- integrations that may be asked: platform work. $3: connectors that can list anything: a gap that nobody can repair must
-- not stand before those that wait. Not those that are being repaired, whose repair ended just now, or, begun by itself,
-- failed or was cancelled since $4: neither a missing permission nor a person's decision changes within minutes.
SELECT g.tenant_id, g.integration_id, g.stream, g.gap_since, g.reason
FROM gaps AS g
JOIN tenant_integrations AS i ON i.tenant_id = g.tenant_id AND i.integration_id = g.integration_id
JOIN tenants AS t ON t.tenant_id = g.tenant_id
WHERE g.reason NOT IN ('customer_limit', 'storage_limit') AND g.updated_at < $1
  AND i.status = 'active' AND t.status = 'active' AND i.sealed_credentials IS NOT NULL AND i.connector = ANY ($3::text[])
  AND NOT EXISTS (
    SELECT FROM sync_run_streams AS s JOIN sync_runs AS r ON r.tenant_id = s.tenant_id AND r.run_id = s.run_id
    WHERE s.tenant_id = g.tenant_id AND s.integration_id = g.integration_id AND s.stream = g.stream
      AND r.kind = 'repair' AND (s.status IN ('queued', 'running') OR s.ended_at > $1
                                 OR (s.status IN ('failed', 'cancelled') AND r.trigger <> 'manual' AND s.ended_at > $4)))
ORDER BY g.updated_at LIMIT $2;

-- list_unverified_streams [syncer]: streams that were listed whole and not compared for long: platform work. Not those of
-- which a comparison ended since $2, or, begun by itself, failed or was cancelled since $4.
SELECT n.tenant_id, n.integration_id, n.stream
FROM sync_streams AS n
JOIN tenant_integrations AS i ON i.tenant_id = n.tenant_id AND i.integration_id = n.integration_id
JOIN tenants AS t ON t.tenant_id = n.tenant_id
WHERE greatest(n.full_at, n.verified_at) < $1 AND n.full_at IS NOT NULL
  AND i.status = 'active' AND i.auto_sync AND t.status = 'active'
  AND NOT EXISTS (
    SELECT FROM sync_run_streams AS s JOIN sync_runs AS r ON r.tenant_id = s.tenant_id AND r.run_id = s.run_id
    WHERE s.tenant_id = n.tenant_id AND s.integration_id = n.integration_id AND s.stream = n.stream
      AND r.kind = 'repair' AND (s.status IN ('queued', 'running') OR s.ended_at > $2
                                 OR (s.status IN ('failed', 'cancelled') AND r.trigger <> 'manual' AND s.ended_at > $4)))
ORDER BY greatest(n.full_at, n.verified_at) LIMIT $3;
