-- claim_stream [syncer]: the stream whose turn it is, under a lease: platform work.
-- A stream may begin when none of its kind runs and none was asked for before it. Turns: whoever was stepped longest ago,
-- `high` 5 s ahead of its time and `low` 5 s behind it, and a tenant waits while it has as many leases as it may.
-- The run's status says nothing new, but leads past the hundreds of thousands of runs that have ended.
WITH candidate AS (
    SELECT s.tenant_id, s.run_id, s.stream, s.lease_holder IS NOT NULL AS is_abandoned
    FROM sync_run_streams AS s JOIN sync_runs AS r ON r.tenant_id = s.tenant_id AND r.run_id = s.run_id
    WHERE s.status IN ('queued', 'running') AND r.status IN ('queued', 'running') AND s.due_at <= now()
      AND (s.lease_until IS NULL OR s.lease_until < now())
      AND (r.paused_at IS NULL OR r.cancelled_at IS NOT NULL)
      AND (s.status = 'running' OR r.cancelled_at IS NOT NULL OR NOT EXISTS (
        SELECT FROM sync_run_streams AS o
        WHERE o.tenant_id = s.tenant_id AND o.integration_id = s.integration_id AND o.stream = s.stream
          AND o.status IN ('queued', 'running') AND (o.status = 'running' OR (o.created_at, o.run_id) < (s.created_at, s.run_id))))
      AND $3 > (SELECT count(*) FROM sync_run_streams AS l
                WHERE l.tenant_id = s.tenant_id AND l.status = 'running' AND l.lease_until > now())
    ORDER BY coalesce(s.stepped_at, s.created_at)
             + CASE r.priority WHEN 'high' THEN interval '-5 s' WHEN 'low' THEN interval '5 s' ELSE interval '0' END
    LIMIT 1 FOR UPDATE OF s, r SKIP LOCKED
), started AS (
    UPDATE sync_runs AS r SET status = 'running', started_at = coalesce(r.started_at, now())
    FROM candidate AS c
    WHERE r.tenant_id = c.tenant_id AND r.run_id = c.run_id AND r.status = 'queued'
)
UPDATE sync_run_streams AS s
SET status = 'running', started_at = coalesce(s.started_at, now()), lease_holder = $1, stepped_at = now(),
    lease_until = now() + $2::integer * interval '1 millisecond', steps = s.steps + 1
FROM candidate AS c, sync_runs AS r
WHERE s.tenant_id = c.tenant_id AND s.run_id = c.run_id AND s.stream = c.stream
  AND r.tenant_id = c.tenant_id AND r.run_id = c.run_id
RETURNING s.tenant_id, s.run_id, s.stream, s.integration_id, s.lease_holder, r.kind, r.trigger, r.since, r.until,
          r.created_at, c.is_abandoned, s.checkpoint, s.failures, r.cancelled_at IS NOT NULL AS is_cancelled, now() AS server_now;

-- lock_run [syncer]: before a stream of it ends: of two that end at once, the later one must see the other's end.
SELECT r.run_id FROM sync_runs AS r WHERE r.tenant_id = $1 AND r.run_id = $2 FOR UPDATE;

-- renew_lease [syncer]: no row: the lease is somebody else's now, or the stream has ended.
UPDATE sync_run_streams AS s SET lease_until = now() + $5::integer * interval '1 millisecond'
FROM sync_runs AS r
WHERE s.tenant_id = $1 AND s.run_id = $2 AND s.stream = $3 AND s.lease_holder = $4 AND s.status = 'running'
  AND r.tenant_id = s.tenant_id AND r.run_id = s.run_id
RETURNING r.cancelled_at IS NOT NULL AS is_cancelled, r.paused_at IS NOT NULL AS is_paused;

-- lock_checkpoint [syncer]: what was committed last, also when the answer to it was lost; no row: the lease was lost.
SELECT s.checkpoint FROM sync_run_streams AS s
WHERE s.tenant_id = $1 AND s.run_id = $2 AND s.stream = $3 AND s.lease_holder = $4 AND s.status = 'running' FOR UPDATE;

-- release_stream [syncer]: the step is over; the lease is given back, so that the next one is not taken for a crash.
-- A checkpoint comes with it when the next step must begin elsewhere than behind the last page that was written.
UPDATE sync_run_streams AS s
SET checkpoint = coalesce($9::jsonb, s.checkpoint), lease_holder = NULL, lease_until = NULL, due_at = now() + $5::integer * interval '1 millisecond',
    failures = $6, reason = $7, worked_ms = s.worked_ms + $8
WHERE s.tenant_id = $1 AND s.run_id = $2 AND s.stream = $3 AND s.lease_holder = $4 AND s.status = 'running'
RETURNING s.run_id;

-- save_progress [syncer]: in the transaction of the rows; no row: the lease was lost, and so is the transaction.
UPDATE sync_run_streams AS s
SET checkpoint = $5::jsonb, expected = $6, listed = s.listed + $7, fetched = s.fetched + $8, created = s.created + $9,
    updated = s.updated + $10, unchanged = s.unchanged + $11, deleted = s.deleted + $12, kept_out = s.kept_out + $13,
    dead = s.dead + $14, read_bytes = s.read_bytes + $15, provider_calls = s.provider_calls + $16,
    errors = s.errors + $17, error_code = coalesce($18, s.error_code), error_example = coalesce($19, s.error_example)
WHERE s.tenant_id = $1 AND s.run_id = $2 AND s.stream = $3 AND s.lease_holder = $4 AND s.status = 'running'
RETURNING s.dead;

-- end_stream [syncer]: it has come to its end, one way or another.
UPDATE sync_run_streams AS s
SET status = $5, reason = $6, ended_at = now(), lease_holder = NULL, lease_until = NULL, checkpoint = '{}',
    worked_ms = s.worked_ms + $7
WHERE s.tenant_id = $1 AND s.run_id = $2 AND s.stream = $3 AND s.lease_holder = $4 AND s.status = 'running'
RETURNING s.run_id;

-- count_errors [syncer]: of the stream so far: whether it succeeded or only in part.
SELECT s.errors, s.dead FROM sync_run_streams AS s WHERE s.tenant_id = $1 AND s.run_id = $2 AND s.stream = $3;
