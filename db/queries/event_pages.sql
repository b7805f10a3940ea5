-- page_events [web]: newest first, from a place in the ledger backwards. No index is there for every filter: a page looks
-- at a limited number of rows and says where it stopped, so that a rare outcome costs no scan of a whole ledger.
WITH seen AS MATERIALIZED (
    SELECT e.event_id, e.received_on, e.integration_id, e.kind, e.object_id, e.state, e.outcome, e.reason, e.attempts,
           e.latency_ms
    FROM events AS e
    WHERE e.tenant_id = $1 AND e.received_on <= $2 AND (e.received_on, e.event_id) < ($2, $3)
      AND e.received_on >= $4 AND e.event_id >= $5
    ORDER BY e.received_on DESC, e.event_id DESC LIMIT $6
), found AS (
    SELECT s.* FROM seen AS s
    WHERE ($8::text IS NULL OR s.outcome = $8) AND ($9::text IS NULL OR s.kind = $9)
      AND ($10::integer IS NULL OR s.integration_id = $10) AND ($11::text IS NULL OR s.state = $11)
    ORDER BY s.received_on DESC, s.event_id DESC LIMIT $7
)
SELECT f.*, false AS is_end FROM found AS f
UNION ALL
(SELECT s.*, true FROM seen AS s WHERE (SELECT count(*) FROM seen) = $6 ORDER BY s.received_on, s.event_id LIMIT 1);

-- page_rare_events [web]: the same of an outcome that is rare, which has an index: the words stand here, since a plan made
-- for any outcome could not use it.
WITH seen AS MATERIALIZED (
    SELECT e.event_id, e.received_on, e.integration_id, e.kind, e.object_id, e.state, e.outcome, e.reason, e.attempts,
           e.latency_ms
    FROM events AS e
    WHERE e.tenant_id = $1 AND e.outcome = $8 AND e.outcome IN ('dead', 'ignored')
      AND e.received_on <= $2 AND (e.received_on, e.event_id) < ($2, $3)
      AND e.received_on >= $4 AND e.event_id >= $5
    ORDER BY e.received_on DESC, e.event_id DESC LIMIT $6
), found AS (
    SELECT s.* FROM seen AS s
    WHERE ($9::text IS NULL OR s.kind = $9)
      AND ($10::integer IS NULL OR s.integration_id = $10) AND ($11::text IS NULL OR s.state = $11)
    ORDER BY s.received_on DESC, s.event_id DESC LIMIT $7
)
SELECT f.*, false AS is_end FROM found AS f
UNION ALL
(SELECT s.*, true FROM seen AS s WHERE (SELECT count(*) FROM seen) = $6 ORDER BY s.received_on, s.event_id LIMIT 1);

-- page_objects_events [web]: of some objects, each by its index, newest first.
SELECT h.*, false AS is_end
FROM unnest($12::text[]) AS o (object_id)
CROSS JOIN LATERAL (
    SELECT e.event_id, e.received_on, e.integration_id, e.kind, e.object_id, e.state, e.outcome, e.reason, e.attempts,
           e.latency_ms
    FROM events AS e
    WHERE e.tenant_id = $1 AND e.object_id = o.object_id
      AND e.received_on <= $2 AND (e.received_on, e.event_id) < ($2, $3)
      AND e.received_on >= $4 AND e.event_id >= $5
      AND ($8::text IS NULL OR e.outcome = $8) AND ($9::text IS NULL OR e.kind = $9)
      AND ($10::integer IS NULL OR e.integration_id = $10) AND ($11::text IS NULL OR e.state = $11)
    ORDER BY e.received_on DESC, e.event_id DESC LIMIT least($6::bigint, $7::bigint)
) AS h
ORDER BY h.received_on DESC, h.event_id DESC LIMIT $7::bigint;

-- page_object_events [web]: the same of one object, by its index.
WITH seen AS MATERIALIZED (
    SELECT e.event_id, e.received_on, e.integration_id, e.kind, e.object_id, e.state, e.outcome, e.reason, e.attempts,
           e.latency_ms
    FROM events AS e
    WHERE e.tenant_id = $1 AND e.object_id = $12 AND e.received_on <= $2 AND (e.received_on, e.event_id) < ($2, $3)
      AND e.received_on >= $4 AND e.event_id >= $5
    ORDER BY e.received_on DESC, e.event_id DESC LIMIT $6
), found AS (
    SELECT s.* FROM seen AS s
    WHERE ($8::text IS NULL OR s.outcome = $8) AND ($9::text IS NULL OR s.kind = $9)
      AND ($10::integer IS NULL OR s.integration_id = $10) AND ($11::text IS NULL OR s.state = $11)
    ORDER BY s.received_on DESC, s.event_id DESC LIMIT $7
)
SELECT f.*, false AS is_end FROM found AS f
UNION ALL
(SELECT s.*, true FROM seen AS s WHERE (SELECT count(*) FROM seen) = $6 ORDER BY s.received_on, s.event_id LIMIT 1);

-- get_event [web]: one, by the day that its id tells.
SELECT e.event_id, e.received_on, e.integration_id, e.kind, e.object_id, e.state, e.outcome, e.reason, e.attempts,
       e.latency_ms
FROM events AS e WHERE e.tenant_id = $1 AND e.received_on = $2 AND e.event_id = $3;

-- page_dead_letters [web]: newest first, in the manner of page_events; the body stays where it is.
WITH seen AS MATERIALIZED (
    SELECT l.event_id, l.received_on, l.integration_id, l.kind, l.object_id, l.reason, l.field, l.status,
           l.replay_event_id, l.attempts, l.created_at, l.updated_at, NULL::bytea AS sealed_body, l.cause_field
    FROM dead_letters AS l
    WHERE l.tenant_id = $1 AND (l.created_at, l.event_id) < ($2, $3)
    ORDER BY l.created_at DESC, l.event_id DESC LIMIT $4
), found AS (
    SELECT s.* FROM seen AS s
    WHERE ($6::text IS NULL OR s.status = $6) AND ($7::text IS NULL OR s.reason = $7)
      AND ($8::text IS NULL OR s.kind = $8) AND ($9::integer IS NULL OR s.integration_id = $9)
      AND ($10::text IS NULL OR s.cause_field = $10)
    ORDER BY s.created_at DESC, s.event_id DESC LIMIT $5
)
SELECT f.*, false AS is_end FROM found AS f
UNION ALL
(SELECT s.*, true FROM seen AS s WHERE (SELECT count(*) FROM seen) = $4 ORDER BY s.created_at, s.event_id LIMIT 1);

-- find_replayed_letter [web]: which dead letter an event is the replay of.
SELECT l.event_id FROM dead_letters AS l WHERE l.tenant_id = $1 AND l.replay_event_id = $2;

-- is_being_replayed [web]: whether an id without a ledger row is that of a replay on its way.
SELECT EXISTS (
    SELECT 1 FROM dead_letters AS l
    WHERE l.tenant_id = $1 AND l.replay_event_id = $2 AND l.status = 'replaying');
