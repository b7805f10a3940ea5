-- set_day [syncer]: what the last look at a day found; looks at its parts add up within one run.
INSERT INTO completeness_days AS d (tenant_id, integration_id, stream, day, run_id, listed, missing, stale, unlisted)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (tenant_id, integration_id, stream, day) DO UPDATE
SET run_id = EXCLUDED.run_id, verified_at = now(),
    listed = EXCLUDED.listed + CASE WHEN d.run_id = EXCLUDED.run_id THEN d.listed ELSE 0 END,
    missing = EXCLUDED.missing + CASE WHEN d.run_id = EXCLUDED.run_id THEN d.missing ELSE 0 END,
    stale = EXCLUDED.stale + CASE WHEN d.run_id = EXCLUDED.run_id THEN d.stale ELSE 0 END,
    unlisted = EXCLUDED.unlisted + CASE WHEN d.run_id = EXCLUDED.run_id THEN d.unlisted ELSE 0 END;

-- add_findings [syncer]: each difference, by id.
INSERT INTO completeness_findings (tenant_id, run_id, stream, external_id, finding, day)
SELECT $1, $2, $3, n.external_id, n.finding, n.day
FROM unnest($4::text[], $5::text[], $6::date[]) AS n (external_id, finding, day)
ON CONFLICT DO NOTHING;

-- settle_findings [syncer]: what became of them.
UPDATE completeness_findings AS f SET outcome = n.outcome, settled_at = now()
FROM unnest($4::text[], $5::text[]) AS n (external_id, outcome)
WHERE f.tenant_id = $1 AND f.run_id = $2 AND f.stream = $3 AND f.external_id = n.external_id AND f.outcome IS NULL;

-- list_days [syncer, web, operator]: an integration's, newest first.
SELECT d.stream, d.day, d.run_id, d.verified_at, d.listed, d.missing, d.stale, d.unlisted
FROM completeness_days AS d
WHERE d.tenant_id = $1 AND d.integration_id = $2 AND d.day >= $3 AND d.day <= $4
ORDER BY d.day DESC, d.stream DESC LIMIT $5;

-- page_days [syncer, web, operator]: by integration, stream and day, as the key has them. NULL: every integration.
SELECT d.integration_id, d.stream, d.day, d.run_id, d.verified_at, d.listed, d.missing, d.stale, d.unlisted
FROM completeness_days AS d
WHERE d.tenant_id = $1 AND ($2::integer IS NULL OR d.integration_id = $2) AND d.day >= $3 AND d.day <= $4
  AND (d.integration_id, d.stream, d.day) > ($5, $6, $7)
ORDER BY d.integration_id, d.stream, d.day LIMIT $8;

-- list_findings [syncer, web, operator]: of one run, by id.
SELECT f.stream, f.external_id, f.finding, f.outcome, f.day, f.found_at, f.settled_at
FROM completeness_findings AS f
WHERE f.tenant_id = $1 AND f.run_id = $2 AND (f.stream, f.external_id) > ($3, $4)
ORDER BY f.stream, f.external_id LIMIT $5;

-- list_object_findings [web]: what the newest repairs found of one object: a probe of the key for each run.
SELECT r.run_id, r.integration_id, f.finding, f.outcome, f.found_at, f.settled_at
FROM (
    SELECT n.run_id, n.integration_id FROM sync_runs AS n
    WHERE n.tenant_id = $1 AND n.kind = 'repair' ORDER BY n.run_id DESC LIMIT $4
) AS r
CROSS JOIN LATERAL (
    SELECT s.finding, s.outcome, s.found_at, s.settled_at FROM completeness_findings AS s
    WHERE s.tenant_id = $1 AND s.run_id = r.run_id AND s.stream = $2 AND s.external_id = $3
    OFFSET 0
) AS f
ORDER BY r.run_id DESC;

-- total_findings [syncer, web, operator]: of one run.
SELECT f.stream, f.finding, f.outcome, count(*) AS objects FROM completeness_findings AS f
WHERE f.tenant_id = $1 AND f.run_id = $2 GROUP BY f.stream, f.finding, f.outcome ORDER BY f.stream, f.finding, f.outcome;
