-- list_dead_letters [web, operator, worker]: newest first; the body stays where it is.
SELECT l.event_id, l.received_on, l.integration_id, l.kind, l.object_id, l.reason, l.field, l.status,
       l.replay_event_id, l.attempts, l.created_at, l.updated_at, NULL::bytea AS sealed_body
FROM dead_letters AS l
WHERE l.tenant_id = $1 AND l.status = ANY ($2::text[]) AND l.created_at < $3
ORDER BY l.created_at DESC, l.event_id DESC LIMIT $4;

-- get_dead_letter [web, operator, worker]: one, with its sealed body.
SELECT l.event_id, l.received_on, l.integration_id, l.kind, l.object_id, l.reason, l.field, l.status,
       l.replay_event_id, l.attempts, l.created_at, l.updated_at, l.sealed_body
FROM dead_letters AS l WHERE l.tenant_id = $1 AND l.event_id = $2;

-- begin_replay [web, operator, worker]: its fresh event id stands here before that is appended; asked twice, the first stands.
UPDATE dead_letters AS l
SET status = 'replaying', replay_event_id = coalesce(l.replay_event_id, $3), updated_at = now()
WHERE l.tenant_id = $1 AND l.event_id = $2 AND l.status IN ('waiting', 'replaying')
RETURNING l.event_id, l.received_on, l.integration_id, l.kind, l.object_id, l.reason, l.field, l.status,
          l.replay_event_id, l.attempts, l.created_at, l.updated_at, l.sealed_body;

-- take_stuck_replays [worker, operator]: their append may have been lost; the same ids are appended again.
UPDATE dead_letters AS l SET updated_at = now()
WHERE l.tenant_id = $1 AND l.event_id IN (
    SELECT s.event_id FROM dead_letters AS s
    WHERE s.tenant_id = $1 AND s.status = 'replaying' AND s.updated_at < $2
    ORDER BY s.event_id LIMIT $3)
RETURNING l.event_id, l.received_on, l.integration_id, l.kind, l.object_id, l.reason, l.field, l.status,
          l.replay_event_id, l.attempts, l.created_at, l.updated_at, l.sealed_body;

-- discard_dead_letter [web, operator]: not worth a replay, somebody decided; the row stays, its body goes.
UPDATE dead_letters AS l SET status = 'discarded', sealed_body = NULL, updated_at = now()
WHERE l.tenant_id = $1 AND l.event_id = $2 AND l.status = 'waiting'
RETURNING l.event_id;

-- count_dead_letters [web, operator, worker]: how many wait, counted up to a limit: a flood stays cheap.
SELECT count(*) FROM (
    SELECT 1 FROM dead_letters AS l WHERE l.tenant_id = $1 AND l.status = 'waiting' LIMIT $2
) AS waiting;

-- list_limited_letters [worker]: inline documents that a limit kept out, the oldest first.
SELECT l.event_id FROM dead_letters AS l
WHERE l.tenant_id = $1 AND l.status = 'waiting' AND l.reason IN ('customer_limit', 'storage_limit')
ORDER BY l.created_at, l.event_id LIMIT $2;

-- count_limited_replays [worker]: of those, what is on its way: its room is spoken for.
SELECT count(*) FROM dead_letters AS l
WHERE l.tenant_id = $1 AND l.status = 'replaying' AND l.reason IN ('customer_limit', 'storage_limit');

-- count_waiting_by_integration [web, operator]: how many wait of each, counted up to a limit: a flood stays cheap.
SELECT waiting.integration_id, count(*) FROM (
    SELECT l.integration_id FROM dead_letters AS l WHERE l.tenant_id = $1 AND l.status = 'waiting' LIMIT $2
) AS waiting GROUP BY waiting.integration_id ORDER BY waiting.integration_id;
