-- count_batch [worker, syncer]: a batch's counters, and beside them the minute's row of each of its streams, in one round
-- trip. Last in its transaction and sorted by name: the rows are held until the commit, by one writer each.
WITH minutes AS (
    INSERT INTO event_minutes AS m (tenant_id, minute, stream, writer, applied, superseded, duplicate, ignored, dead,
                                    synced, counted, late, latency, freshness)
    SELECT $1, $5, n.stream, $2, n.applied, n.superseded, n.duplicate, n.ignored, n.dead, n.synced, n.counted, n.late,
           CASE n.stream WHEN 'orders' THEN $15::integer[] ELSE $16::integer[] END,
           CASE n.stream WHEN 'orders' THEN $17::integer[] ELSE $18::integer[] END
    FROM unnest($6::text[], $7::integer[], $8::integer[], $9::integer[], $10::integer[], $11::integer[], $12::integer[],
                $13::integer[], $14::integer[])
         AS n (stream, applied, superseded, duplicate, ignored, dead, synced, counted, late)
    ORDER BY n.stream
    ON CONFLICT (tenant_id, minute, stream, writer) DO UPDATE SET
        applied = m.applied + EXCLUDED.applied, superseded = m.superseded + EXCLUDED.superseded,
        duplicate = m.duplicate + EXCLUDED.duplicate, ignored = m.ignored + EXCLUDED.ignored,
        dead = m.dead + EXCLUDED.dead, synced = m.synced + EXCLUDED.synced, counted = m.counted + EXCLUDED.counted,
        late = m.late + EXCLUDED.late,
        latency = ARRAY(SELECT coalesce(u.held, 0) + coalesce(u.told, 0)
                        FROM unnest(m.latency, EXCLUDED.latency) WITH ORDINALITY AS u (held, told, place)
                        ORDER BY u.place),
        freshness = ARRAY(SELECT coalesce(u.held, 0) + coalesce(u.told, 0)
                          FROM unnest(m.freshness, EXCLUDED.freshness) WITH ORDINALITY AS u (held, told, place)
                          ORDER BY u.place)
)
INSERT INTO counters AS c (tenant_id, name, writer, value)
SELECT $1, d.name, $2, d.delta FROM unnest($3::text[], $4::bigint[]) AS d (name, delta)
ON CONFLICT (tenant_id, name, writer) DO UPDATE SET value = c.value + EXCLUDED.value;

-- list_minutes [worker, web, operator]: one tenant's, of two days at most.
SELECT m.minute AS at, m.stream, m.applied, m.superseded, m.duplicate, m.ignored, m.dead, m.synced, m.counted, m.late,
       m.latency, m.freshness
FROM event_minutes AS m WHERE m.tenant_id = $1 AND m.minute >= $2 AND m.minute < $3 ORDER BY m.minute, m.stream;

-- list_hours [worker, web, operator]: one tenant's, of five weeks at most.
SELECT h.hour AS at, h.stream, h.applied, h.superseded, h.duplicate, h.ignored, h.dead, h.synced, h.counted, h.late,
       h.latency, h.freshness
FROM event_hours AS h WHERE h.tenant_id = $1 AND h.hour >= $2 AND h.hour < $3 ORDER BY h.hour, h.stream;

-- roll_up [worker]: the hours from $1 to $2 anew, however often, of some tenants: platform work.
INSERT INTO event_hours AS h (tenant_id, hour, stream, applied, superseded, duplicate, ignored, dead, synced, counted,
                              late, latency, freshness)
SELECT n.tenant_id, n.hour, n.stream, n.applied, n.superseded, n.duplicate, n.ignored, n.dead, n.synced, n.counted,
       n.late, coalesce(b.latency, '{}'), coalesce(b.freshness, '{}')
FROM unnest($3::integer[]) AS t (tenant_id)
CROSS JOIN LATERAL (
    SELECT m.tenant_id, date_trunc('hour', m.minute, 'UTC') AS hour, m.stream, sum(m.applied) AS applied,
           sum(m.superseded) AS superseded, sum(m.duplicate) AS duplicate, sum(m.ignored) AS ignored,
           sum(m.dead) AS dead, sum(m.synced) AS synced, sum(m.counted) AS counted, sum(m.late) AS late
    FROM event_minutes AS m WHERE m.tenant_id = t.tenant_id AND m.minute >= $1 AND m.minute < $2
    GROUP BY m.tenant_id, 2, m.stream
) AS n
CROSS JOIN LATERAL (
    SELECT array_agg(p.latency ORDER BY p.place) FILTER (WHERE p.latency IS NOT NULL) AS latency,
           array_agg(p.freshness ORDER BY p.place) FILTER (WHERE p.freshness IS NOT NULL) AS freshness
    FROM (
        SELECT u.place, sum(u.latency)::bigint AS latency, sum(u.freshness)::bigint AS freshness
        FROM event_minutes AS m, unnest(m.latency, m.freshness) WITH ORDINALITY AS u (latency, freshness, place)
        WHERE m.tenant_id = t.tenant_id AND m.minute >= n.hour AND m.minute < least(n.hour + interval '1 hour', $2)
          AND m.stream = n.stream
        GROUP BY u.place) AS p
) AS b
ON CONFLICT (tenant_id, hour, stream) DO UPDATE SET
    applied = EXCLUDED.applied, superseded = EXCLUDED.superseded, duplicate = EXCLUDED.duplicate,
    ignored = EXCLUDED.ignored, dead = EXCLUDED.dead, synced = EXCLUDED.synced, counted = EXCLUDED.counted,
    late = EXCLUDED.late, latency = EXCLUDED.latency, freshness = EXCLUDED.freshness;

-- find_rolled_up [worker]: the hour up to which all is rolled up, in hours since 1970.
SELECT q.ticks FROM queue_ticks AS q WHERE q.name = 'series_hours';

-- note_rolled_up [worker]: it only grows.
INSERT INTO queue_ticks AS q (name, ticks) VALUES ('series_hours', $1)
ON CONFLICT (name) DO UPDATE SET ticks = greatest(q.ticks, EXCLUDED.ticks);

-- save_objective_states [worker]: what the long windows hold by now ($1), the month ($2), six hours ($3)
-- and three days ($4), for all tenants: platform work. Index only.
INSERT INTO objective_states AS o (tenant_id, as_of, month, month_counted, month_late, h6_counted, h6_late, d3_counted,
                                   d3_late)
SELECT t.tenant_id, $1, ($2::timestamptz AT TIME ZONE 'UTC')::date, n.month_counted, n.month_late, n.h6_counted, n.h6_late, n.d3_counted, n.d3_late
FROM tenants AS t
CROSS JOIN LATERAL (
    SELECT coalesce(sum(h.counted) FILTER (WHERE h.hour >= $2), 0)::bigint AS month_counted,
           coalesce(sum(h.late) FILTER (WHERE h.hour >= $2), 0)::bigint AS month_late,
           coalesce(sum(h.counted) FILTER (WHERE h.hour > $3), 0)::bigint AS h6_counted,
           coalesce(sum(h.late) FILTER (WHERE h.hour > $3), 0)::bigint AS h6_late,
           coalesce(sum(h.counted) FILTER (WHERE h.hour > $4), 0)::bigint AS d3_counted,
           coalesce(sum(h.late) FILTER (WHERE h.hour > $4), 0)::bigint AS d3_late
    FROM event_hours AS h
    WHERE h.tenant_id = t.tenant_id AND h.hour >= least($2, $4)
) AS n
WHERE t.status <> 'deleted'
ON CONFLICT (tenant_id) DO UPDATE SET
    as_of = EXCLUDED.as_of, month = EXCLUDED.month, month_counted = EXCLUDED.month_counted,
    month_late = EXCLUDED.month_late, h6_counted = EXCLUDED.h6_counted, h6_late = EXCLUDED.h6_late,
    d3_counted = EXCLUDED.d3_counted, d3_late = EXCLUDED.d3_late;

-- forget_minutes [worker]: at most $2 of each tenant, by their addresses: nobody else's rows are looked at. Platform work.
DELETE FROM event_minutes AS m WHERE m.ctid = ANY (ARRAY(
    SELECT o.ctid FROM tenants AS t CROSS JOIN LATERAL (
        SELECT n.ctid FROM event_minutes AS n WHERE n.tenant_id = t.tenant_id AND n.minute < $1
        ORDER BY n.tenant_id, n.minute LIMIT $2
    ) AS o));

-- forget_hours [worker]: as above.
DELETE FROM event_hours AS h WHERE h.ctid = ANY (ARRAY(
    SELECT o.ctid FROM tenants AS t CROSS JOIN LATERAL (
        SELECT n.ctid FROM event_hours AS n WHERE n.tenant_id = t.tenant_id AND n.hour < $1
        ORDER BY n.tenant_id, n.hour LIMIT $2
    ) AS o));

-- list_recent [worker, web, operator]: what happened lately, of one tenant or, as platform work, of all ($1 NULL): a probe
-- per tenant, at most an hour and the minutes of $4 (from when on dead letters count). $3: from when on events do; $6, $7, $2:
-- five minutes, half an hour and an hour ago. $5: when the month began.
SELECT t.tenant_id, n.events, n.dead, n.counted_5m, n.late_5m, n.counted_30m, n.late_30m, n.counted_1h, n.late_1h,
       f.freshness,
       coalesce(CASE WHEN o.month = ($5::timestamptz AT TIME ZONE 'UTC')::date THEN o.month_counted END, 0) AS month_counted,
       coalesce(CASE WHEN o.month = ($5::timestamptz AT TIME ZONE 'UTC')::date THEN o.month_late END, 0) AS month_late,
       coalesce(o.h6_counted, 0) AS h6_counted, coalesce(o.h6_late, 0) AS h6_late,
       coalesce(o.d3_counted, 0) AS d3_counted, coalesce(o.d3_late, 0) AS d3_late
FROM tenants AS t
CROSS JOIN LATERAL (
    SELECT coalesce(sum(m.applied + m.superseded + m.duplicate + m.ignored + m.dead)
                    FILTER (WHERE m.minute > $3), 0)::bigint AS events,
           coalesce(sum(m.dead) FILTER (WHERE m.minute > $4), 0)::bigint AS dead,
           coalesce(sum(m.counted) FILTER (WHERE m.minute > $6), 0)::bigint AS counted_5m,
           coalesce(sum(m.late) FILTER (WHERE m.minute > $6), 0)::bigint AS late_5m,
           coalesce(sum(m.counted) FILTER (WHERE m.minute > $7), 0)::bigint AS counted_30m,
           coalesce(sum(m.late) FILTER (WHERE m.minute > $7), 0)::bigint AS late_30m,
           coalesce(sum(m.counted) FILTER (WHERE m.minute > $2), 0)::bigint AS counted_1h,
           coalesce(sum(m.late) FILTER (WHERE m.minute > $2), 0)::bigint AS late_1h
    FROM event_minutes AS m
    WHERE m.tenant_id = t.tenant_id AND m.minute > least($2, $4)
) AS n
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(b.count ORDER BY b.place), '{}') AS freshness FROM (
        SELECT u.place, sum(u.count)::bigint AS count
        FROM event_minutes AS m, unnest(m.freshness) WITH ORDINALITY AS u (count, place)
        WHERE m.tenant_id = t.tenant_id AND m.minute > $3 GROUP BY u.place) AS b
) AS f
LEFT JOIN objective_states AS o ON o.tenant_id = t.tenant_id
WHERE t.status <> 'deleted' AND ($1::integer IS NULL OR t.tenant_id = $1);
