-- set_gaps [worker, syncer, operator]: a gap only ever grows backwards, until a repair closes it.
INSERT INTO gaps AS g (tenant_id, integration_id, stream, gap_since, reason)
SELECT DISTINCT ON (n.integration_id, n.stream) $1::integer, n.integration_id, n.stream, n.gap_since, n.reason
FROM unnest($2::integer[], $3::text[], $4::timestamptz[], $5::text[]) AS n (integration_id, stream, gap_since, reason)
ORDER BY n.integration_id, n.stream, n.gap_since
ON CONFLICT (tenant_id, integration_id, stream) DO UPDATE
SET gap_since = EXCLUDED.gap_since, reason = EXCLUDED.reason, updated_at = now()
WHERE g.gap_since > EXCLUDED.gap_since;

-- set_gaps_everywhere [worker, operator]: Redis lost its memory: anybody may miss something.
INSERT INTO gaps AS g (tenant_id, integration_id, stream, gap_since, reason)
SELECT i.tenant_id, i.integration_id, s.stream, $2, $3
FROM tenant_integrations AS i CROSS JOIN unnest($1::text[]) AS s (stream)
WHERE i.status <> 'deleted' ORDER BY i.tenant_id, i.integration_id, s.stream
ON CONFLICT (tenant_id, integration_id, stream) DO UPDATE
SET gap_since = EXCLUDED.gap_since, reason = EXCLUDED.reason, updated_at = now()
WHERE g.gap_since > EXCLUDED.gap_since;

-- list_gaps [worker, syncer, web, operator]: one tenant's.
SELECT g.tenant_id, g.integration_id, g.stream, g.gap_since, g.reason, g.updated_at FROM gaps AS g
WHERE g.tenant_id = $1 ORDER BY g.integration_id, g.stream;

-- list_gaps_by_tenant [worker, syncer, web, operator]: everybody's: platform work.
SELECT g.tenant_id, g.integration_id, g.stream, g.gap_since, g.reason, g.updated_at FROM gaps AS g
ORDER BY g.tenant_id, g.integration_id, g.stream;
