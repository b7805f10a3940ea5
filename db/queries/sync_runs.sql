-- lock_syncs [worker, syncer, web, operator]: who asks for a sync of an integration does it one after the other, so that two
-- requests at once become one run.
SELECT pg_advisory_xact_lock(hashtextextended('syncs', ($1::bigint << 31) + $2::integer));

-- list_active_streams [worker, syncer, web, operator]: what goes on at an integration, oldest first.
SELECT s.run_id, s.stream, s.status, r.kind, r.since IS NULL AND r.until IS NULL AS is_whole,
       r.paused_at IS NOT NULL AND r.cancelled_at IS NULL AS is_paused, r.cancelled_at IS NOT NULL AS is_cancelled
FROM sync_run_streams AS s
JOIN sync_runs AS r ON r.tenant_id = s.tenant_id AND r.run_id = s.run_id
WHERE s.tenant_id = $1 AND s.integration_id = $2 AND s.status IN ('queued', 'running')
ORDER BY s.created_at, s.run_id, s.stream;

-- insert_run [syncer, web, operator]: its streams come in the same transaction.
INSERT INTO sync_runs (tenant_id, run_id, integration_id, kind, trigger, priority, requested_by, since, until)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- insert_run_streams [syncer, web, operator]: one row each.
INSERT INTO sync_run_streams (tenant_id, run_id, integration_id, stream)
SELECT $1, $2, $3, n.stream FROM unnest($4::text[]) AS n (stream);

-- raise_priority [syncer, web, operator]: whoever joins a run and is in a greater hurry takes it along.
UPDATE sync_runs AS r SET priority = $3
WHERE r.tenant_id = $1 AND r.run_id = $2 AND r.status IN ('queued', 'running')
  AND array_position('{low,normal,high}'::text[], r.priority) < array_position('{low,normal,high}'::text[], $3);

-- find_run [syncer, web, operator]: one of the tenant's.
SELECT r.tenant_id, r.run_id, r.integration_id, r.created_at, r.started_at, r.ended_at, r.since, r.until, r.paused_at,
       r.cancelled_at, r.kind, r.trigger, r.priority, r.status, r.reason, r.requested_by
FROM sync_runs AS r WHERE r.tenant_id = $1 AND r.run_id = $2;

-- list_runs [syncer, web, operator]: a tenant's, newest first; ids are ordered by time. NULL: any integration, any status.
SELECT r.tenant_id, r.run_id, r.integration_id, r.created_at, r.started_at, r.ended_at, r.since, r.until, r.paused_at,
       r.cancelled_at, r.kind, r.trigger, r.priority, r.status, r.reason, r.requested_by
FROM sync_runs AS r
WHERE r.tenant_id = $1 AND ($2::integer IS NULL OR r.integration_id = $2) AND r.run_id < $3
  AND ($5::text IS NULL OR r.status = $5)
ORDER BY r.run_id DESC LIMIT $4;

-- list_runs_at [web]: those of a tenant that read a stream at a moment, newest first. $5: the first id of the moment, $4: of
-- the time before it that is looked through.
SELECT r.run_id
FROM sync_runs AS r
JOIN sync_run_streams AS s ON s.tenant_id = r.tenant_id AND s.run_id = r.run_id
WHERE r.tenant_id = $1 AND r.run_id >= $4 AND r.run_id < $5 AND s.stream = $2
  AND s.started_at <= $3 AND coalesce(s.ended_at, now()) >= $3
ORDER BY r.run_id DESC LIMIT $6;

-- list_active_runs [syncer, web, operator]: a tenant's that have not ended, the oldest first.
SELECT r.tenant_id, r.run_id, r.integration_id, r.created_at, r.started_at, r.ended_at, r.since, r.until, r.paused_at,
       r.cancelled_at, r.kind, r.trigger, r.priority, r.status, r.reason, r.requested_by
FROM sync_runs AS r WHERE r.tenant_id = $1 AND r.status IN ('queued', 'running') ORDER BY r.integration_id, r.run_id;

-- list_given_up [syncer, web, operator]: streams of an integration whose listing whole ended without having been, since then.
SELECT DISTINCT s.stream FROM sync_runs AS r
JOIN sync_run_streams AS s ON s.tenant_id = r.tenant_id AND s.run_id = r.run_id
WHERE r.tenant_id = $1 AND r.integration_id = $2 AND r.kind = 'full' AND r.ended_at > $3
  AND s.status IN ('failed', 'cancelled') ORDER BY s.stream;

-- list_last_ended [syncer, web, operator]: of each integration of a tenant the newest run that came to an end of its own.
-- One probe into the index per integration, whatever number of runs is kept.
SELECT r.integration_id, r.run_id, r.status, r.started_at, r.ended_at, s.records, s.errors
FROM tenant_integrations AS i
CROSS JOIN LATERAL (
    SELECT e.integration_id, e.run_id, e.status, e.started_at, e.ended_at FROM sync_runs AS e
    WHERE e.tenant_id = $1 AND e.integration_id = i.integration_id AND e.ended_at IS NOT NULL
      AND e.started_at IS NOT NULL AND e.status IN ('succeeded', 'partial', 'failed')
    ORDER BY e.run_id DESC LIMIT 1
) AS r
CROSS JOIN LATERAL (
    SELECT coalesce(sum(n.created + n.updated + n.deleted), 0)::bigint AS records,
           coalesce(sum(n.errors), 0)::bigint AS errors
    FROM sync_run_streams AS n WHERE n.tenant_id = $1 AND n.run_id = r.run_id
) AS s
WHERE i.tenant_id = $1 ORDER BY i.integration_id;

-- list_run_streams [syncer, web, operator]: of some runs.
SELECT s.run_id, s.stream, s.status, s.reason, s.created_at, s.started_at, s.ended_at, s.due_at, s.stepped_at,
       s.lease_until > now() AS is_leased, s.steps, s.failures, s.worked_ms, s.expected, s.listed, s.fetched, s.created,
       s.updated, s.unchanged, s.deleted, s.kept_out, s.dead, s.read_bytes, s.provider_calls, s.errors, s.error_code,
       s.error_example
FROM sync_run_streams AS s WHERE s.tenant_id = $1 AND s.run_id = ANY ($2::uuid[])
ORDER BY s.run_id DESC, s.stream DESC;

-- cancel_run [syncer, web, operator]: streams that nobody works on end at once, the others within their step.
UPDATE sync_runs AS r SET cancelled_at = coalesce(r.cancelled_at, now())
WHERE r.tenant_id = $1 AND r.run_id = $2 AND r.status IN ('queued', 'running') RETURNING r.run_id;

-- cancel_idle_streams [syncer, web, operator]: see cancel_run.
UPDATE sync_run_streams AS s SET status = 'cancelled', ended_at = now(), lease_until = NULL, lease_holder = NULL
WHERE s.tenant_id = $1 AND s.run_id = $2 AND s.status IN ('queued', 'running')
  AND (s.lease_until IS NULL OR s.lease_until < now());

-- pause_run [syncer, web, operator]: takes effect within a step.
UPDATE sync_runs AS r SET paused_at = coalesce(r.paused_at, now())
WHERE r.tenant_id = $1 AND r.run_id = $2 AND r.status IN ('queued', 'running') AND r.cancelled_at IS NULL
RETURNING r.run_id;

-- resume_run [syncer, web, operator]: goes on where it stood.
UPDATE sync_runs AS r SET paused_at = NULL
WHERE r.tenant_id = $1 AND r.run_id = $2 AND r.status IN ('queued', 'running') AND r.cancelled_at IS NULL
RETURNING r.run_id;

-- end_run [syncer, web, operator]: when the last of its streams has ended: the worst of them, told apart from some of them.
UPDATE sync_runs AS r
SET status = n.status, ended_at = now(), reason = n.reason
FROM (
    SELECT CASE WHEN bool_or(s.status = 'cancelled') THEN 'cancelled'
                WHEN bool_and(s.status = 'succeeded') THEN 'succeeded'
                WHEN bool_and(s.status = 'failed') THEN 'failed'
                ELSE 'partial' END AS status,
           max(s.reason) FILTER (WHERE s.status IN ('failed', 'partial')) AS reason
    FROM sync_run_streams AS s WHERE s.tenant_id = $1 AND s.run_id = $2
    HAVING bool_and(s.status NOT IN ('queued', 'running'))
) AS n
WHERE r.tenant_id = $1 AND r.run_id = $2 AND r.status IN ('queued', 'running') RETURNING r.status;

-- has_read_all [syncer]: none of its streams failed or was cancelled.
SELECT coalesce(bool_and(s.status IN ('succeeded', 'partial')), false) FROM sync_run_streams AS s
WHERE s.tenant_id = $1 AND s.run_id = $2;

-- list_old_runs [syncer]: that ended before a time, at most so many: platform work.
SELECT r.tenant_id, r.run_id FROM sync_runs AS r WHERE r.ended_at < $1 ORDER BY r.tenant_id, r.run_id LIMIT $2;

-- forget_runs [syncer]: behind what hangs on them, in its transaction: without its run nobody would find that again.
DELETE FROM sync_runs AS r WHERE r.tenant_id = $1 AND r.run_id = ANY ($2::uuid[]);

-- forget_run_streams [syncer]: see forget_runs.
DELETE FROM sync_run_streams AS s WHERE s.tenant_id = $1 AND s.run_id = ANY ($2::uuid[]);

-- forget_findings [syncer]: see forget_runs.
DELETE FROM completeness_findings AS f WHERE f.tenant_id = $1 AND f.run_id = ANY ($2::uuid[]);
