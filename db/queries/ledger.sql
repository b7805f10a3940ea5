-- settle_events [worker]: what hangs on an event is written only with the row that is first to say its outcome.
-- In one statement: ledger rows; dead letters, closed replays and day totals for exactly the rows that were new.
WITH written AS (
    INSERT INTO events (tenant_id, received_on, event_id, integration_id, attempts, latency_ms, kind, object_id, state,
                        outcome, reason)
    SELECT $1, i.*
    FROM unnest($2::date[], $3::uuid[], $4::integer[], $5::integer[], $6::integer[], $7::text[], $8::text[],
                $9::text[], $10::text[], $11::text[]) AS i
    ON CONFLICT DO NOTHING
    RETURNING received_on, event_id, integration_id, attempts, kind, object_id, outcome, reason
), buried AS (
    INSERT INTO dead_letters (tenant_id, event_id, received_on, integration_id, kind, object_id, reason, field,
                              sealed_body, attempts)
    SELECT $1, w.event_id, w.received_on, w.integration_id, w.kind, w.object_id, w.reason, d.field, d.sealed_body,
           w.attempts
    FROM written AS w JOIN unnest($12::uuid[], $13::text[], $14::bytea[]) AS d (event_id, field, sealed_body)
      ON d.event_id = w.event_id
    ON CONFLICT DO NOTHING
), replayed AS (
    UPDATE dead_letters AS l SET status = 'replayed', updated_at = now()
    FROM written AS w
    WHERE l.tenant_id = $1 AND l.replay_event_id = w.event_id AND l.status = 'replaying'
    RETURNING l.replay_event_id
), totalled AS (
    INSERT INTO event_day_totals AS t (tenant_id, received_on, outcome, writer, events)
    SELECT $1, w.received_on, w.outcome, $15, count(*)
    FROM written AS w GROUP BY w.received_on, w.outcome ORDER BY w.received_on, w.outcome
    ON CONFLICT (tenant_id, received_on, outcome, writer) DO UPDATE SET events = t.events + EXCLUDED.events
)
SELECT w.event_id, w.outcome, EXISTS (SELECT FROM replayed AS r WHERE r.replay_event_id = w.event_id) AS is_replay
FROM written AS w;

-- find_outcomes [worker, web, operator]: of events that another drain was first to settle, and for checks.
SELECT h.event_id, h.outcome
FROM unnest($2::date[], $3::uuid[]) AS k (received_on, event_id)
CROSS JOIN LATERAL (
    SELECT e.event_id, e.outcome FROM events AS e
    WHERE e.tenant_id = $1 AND e.received_on = k.received_on AND e.event_id = k.event_id
    OFFSET 0
) AS h;

-- list_outcomes [web, operator, worker]: a tenant's whole ledger since a day: checks compare it with what was accepted.
SELECT e.event_id, e.outcome FROM events AS e WHERE e.tenant_id = $1 AND e.received_on >= $2;

-- tail_events [web, operator, worker]: newest first; ids are ordered by the time of acceptance.
SELECT e.event_id, e.received_on, e.integration_id, e.kind, e.object_id, e.state, e.outcome, e.reason, e.attempts,
       e.latency_ms
FROM events AS e
WHERE e.tenant_id = $1 AND e.received_on >= $2 AND e.event_id > $3
ORDER BY e.received_on DESC, e.event_id DESC LIMIT $4;

-- measure_latency [web, operator, worker]: from acceptance to the commit, of the events accepted after an id.
SELECT count(*) AS events, percentile_disc(0.5) WITHIN GROUP (ORDER BY e.latency_ms) AS p50,
       percentile_disc(0.99) WITHIN GROUP (ORDER BY e.latency_ms) AS p99, max(e.latency_ms) AS max
FROM events AS e WHERE e.tenant_id = $1 AND e.received_on >= $2 AND e.event_id > $3;

-- total_events [web, operator, worker]: one tenant's by outcome since a day, from the totals that outlive the rows.
SELECT t.outcome, sum(t.events)::bigint AS events FROM event_day_totals AS t
WHERE t.tenant_id = $1 AND t.received_on >= $2 GROUP BY t.outcome ORDER BY t.outcome;

-- total_events_by_tenant [web, operator, worker]: the same for all tenants: platform work.
SELECT t.tenant_id, t.outcome, sum(t.events)::bigint AS events FROM event_day_totals AS t
WHERE t.received_on >= $1 GROUP BY t.tenant_id, t.outcome ORDER BY t.tenant_id, t.outcome;

-- keep_event_partitions [worker, operator]: the coming days exist before their events do, and old days go.
SELECT security.keep_event_partitions($1, $2);

-- find_missing_partitions [worker, operator]: a worker makes the coming days' partitions; doctor says when none does.
SELECT d.day FROM unnest($1::date[]) AS d (day)
WHERE to_regclass('public.events_' || to_char(d.day, 'YYYYMMDD')) IS NULL ORDER BY d.day;
