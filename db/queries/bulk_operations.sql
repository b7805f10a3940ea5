-- lock_bulk [web, operator]: whoever starts operations of a tenant does it one after the other: they have a limit.
SELECT pg_advisory_xact_lock(hashtextextended('bulk', $1::bigint));

-- count_running [web, operator]: how many of a tenant go on.
SELECT count(*) FROM bulk_operations AS b WHERE b.tenant_id = $1 AND b.status = 'running';

-- insert_operation [web, operator]: what it takes is fixed with it; a worker finds it by itself.
INSERT INTO bulk_operations (tenant_id, operation_id, action, integration_id, reason, kind, field, since, until,
                             event_ids, actor_kind, actor_id, request_id, estimated, is_at_least)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15);

-- get_operation [web, operator]: one of the tenant's.
SELECT b.operation_id, b.action, b.integration_id, b.reason, b.kind, b.field, b.since, b.until, b.event_ids, b.status,
       b.waits_for, b.created_at, b.cancelled_at, b.ended_at, b.actor_kind, b.actor_id, b.estimated, b.is_at_least,
       b.done, b.failed, b.failures
FROM bulk_operations AS b WHERE b.tenant_id = $1 AND b.operation_id = $2;

-- list_operations [web, operator]: a tenant's, newest first; ids are ordered by time.
SELECT b.operation_id, b.action, b.integration_id, b.reason, b.kind, b.field, b.since, b.until, b.event_ids, b.status,
       b.waits_for, b.created_at, b.cancelled_at, b.ended_at, b.actor_kind, b.actor_id, b.estimated, b.is_at_least,
       b.done, b.failed, b.failures
FROM bulk_operations AS b WHERE b.tenant_id = $1 AND b.operation_id < $2 ORDER BY b.operation_id DESC LIMIT $3;

-- cancel_operation [web, operator]: one that nobody works on ends at once, another within its step.
UPDATE bulk_operations AS b
SET cancelled_at = coalesce(b.cancelled_at, now()), due_at = now(),
    status = CASE WHEN b.lease_until > now() OR cardinality(b.pending) > 0 THEN b.status ELSE 'cancelled' END,
    ended_at = CASE WHEN b.lease_until > now() OR cardinality(b.pending) > 0 THEN NULL ELSE now() END
WHERE b.tenant_id = $1 AND b.operation_id = $2 AND b.status = 'running'
RETURNING b.status;

-- claim_operation [worker]: the one that was stepped longest ago, of any tenant, under a lease: platform work.
UPDATE bulk_operations AS b
SET lease_holder = $1, lease_until = now() + $2::integer * interval '1 millisecond', stepped_at = now()
FROM (
    SELECT c.tenant_id, c.operation_id FROM bulk_operations AS c
    WHERE c.status = 'running' AND c.due_at <= now() AND (c.lease_until IS NULL OR c.lease_until < now())
    ORDER BY coalesce(c.stepped_at, c.created_at) LIMIT 1 FOR UPDATE SKIP LOCKED
) AS c
WHERE b.tenant_id = c.tenant_id AND b.operation_id = c.operation_id
RETURNING b.tenant_id, b.operation_id, b.lease_holder, b.action, b.place_at, b.place_id, b.pending,
          b.cancelled_at IS NOT NULL AS is_cancelled;

-- list_chosen_letters [worker]: the next ones that an operation takes, oldest first, none that died after its start.
SELECT l.event_id, l.received_on, l.integration_id, l.kind, l.object_id, l.reason, l.field, l.status,
       l.replay_event_id, l.attempts, l.created_at, l.updated_at,
       CASE WHEN b.action = 'replay' THEN l.sealed_body END AS sealed_body
FROM bulk_operations AS b JOIN dead_letters AS l ON l.tenant_id = b.tenant_id
WHERE b.tenant_id = $1 AND b.operation_id = $2 AND l.tenant_id = $1 AND l.status = 'waiting'
  AND (l.created_at, l.event_id) > ($3, $4) AND l.created_at <= b.created_at
  AND (b.integration_id IS NULL OR l.integration_id = b.integration_id) AND (b.reason IS NULL OR l.reason = b.reason)
  AND (b.kind IS NULL OR l.kind = b.kind) AND (b.field IS NULL OR l.cause_field = b.field)
  AND (b.since IS NULL OR l.created_at >= b.since) AND (b.until IS NULL OR l.created_at < b.until)
  AND (b.event_ids IS NULL OR l.event_id = ANY (b.event_ids))
ORDER BY l.created_at, l.event_id LIMIT $5;

-- lock_operation [worker]: no row: the lease was lost; whether it was cancelled meanwhile.
SELECT b.cancelled_at IS NOT NULL AS is_cancelled FROM bulk_operations AS b
WHERE b.tenant_id = $1 AND b.operation_id = $2 AND b.lease_holder = $3 AND b.status = 'running' FOR UPDATE;

-- begin_replays [worker]: ties letters to the fresh events that will replay them; of those that still wait.
UPDATE dead_letters AS l SET status = 'replaying', replay_event_id = n.replay_event_id, updated_at = now()
FROM unnest($2::uuid[], $3::uuid[]) AS n (event_id, replay_event_id)
WHERE l.tenant_id = $1 AND l.event_id = n.event_id AND l.status = 'waiting'
RETURNING l.event_id;

-- discard_letters [worker]: rows stay, bodies go; of those that still wait.
UPDATE dead_letters AS l SET status = 'discarded', sealed_body = NULL, updated_at = now()
WHERE l.tenant_id = $1 AND l.event_id = ANY ($2::uuid[]) AND l.status = 'waiting'
RETURNING l.event_id;

-- save_place [worker]: in the transaction of the letters. `failures` are added up by code.
UPDATE bulk_operations AS b
SET place_at = $4, place_id = $5, pending = $6, done = b.done + $7, failed = b.failed + $8, waits_for = NULL,
    failures = (SELECT coalesce(jsonb_object_agg(f.code, f.letters), '{}') FROM (
        SELECT e.key AS code, sum(e.value::bigint) AS letters
        FROM (SELECT * FROM jsonb_each_text(b.failures) UNION ALL SELECT * FROM jsonb_each_text($9::text::jsonb)) AS e
        GROUP BY e.key) AS f)
WHERE b.tenant_id = $1 AND b.operation_id = $2 AND b.lease_holder = $3 AND b.status = 'running'
RETURNING b.operation_id;

-- list_pending_letters [worker]: those tied to fresh ids that are perhaps not in the queue, with their bodies.
SELECT l.event_id, l.received_on, l.integration_id, l.kind, l.object_id, l.reason, l.field, l.status,
       l.replay_event_id, l.attempts, l.created_at, l.updated_at, l.sealed_body
FROM dead_letters AS l
WHERE l.tenant_id = $1 AND l.replay_event_id = ANY ($2::uuid[]) AND l.status = 'replaying'
ORDER BY l.created_at, l.event_id;

-- release_operation [worker]: the step is over; what was pending is in the queue, unless it says otherwise.
UPDATE bulk_operations AS b
SET lease_holder = NULL, lease_until = NULL, due_at = now() + $4::integer * interval '1 millisecond', waits_for = $5,
    pending = CASE WHEN $6 THEN b.pending ELSE '{}' END
WHERE b.tenant_id = $1 AND b.operation_id = $2 AND b.lease_holder = $3 AND b.status = 'running'
RETURNING b.operation_id;

-- end_operation [worker]: nothing is left to do, or it was cancelled.
UPDATE bulk_operations AS b
SET status = CASE WHEN b.cancelled_at IS NULL THEN 'done' ELSE 'cancelled' END, ended_at = now(), lease_holder = NULL,
    lease_until = NULL, waits_for = NULL, pending = '{}'
WHERE b.tenant_id = $1 AND b.operation_id = $2 AND b.lease_holder = $3 AND b.status = 'running'
RETURNING b.status, b.action, b.done, b.failed, b.failures, b.actor_kind, b.actor_id, b.request_id;

-- forget_operations [worker]: that ended before a time: platform work.
DELETE FROM bulk_operations AS b WHERE b.ended_at < $1;
