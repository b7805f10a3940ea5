-- list_dead_groups [web, operator]: causes of waiting dead letters, each with its first and last one and a count up to a
-- limit. From cause to cause by the index, which a GROUP BY over a flood would read whole.
WITH RECURSIVE causes AS (
    (SELECT l.integration_id, l.reason, l.kind, l.cause_field FROM dead_letters AS l
     WHERE l.tenant_id = $1 AND l.status = 'waiting'
     ORDER BY l.integration_id, l.reason, l.kind, l.cause_field LIMIT 1)
    UNION ALL
    SELECT n.integration_id, n.reason, n.kind, n.cause_field FROM causes AS c CROSS JOIN LATERAL (
        SELECT l.integration_id, l.reason, l.kind, l.cause_field FROM dead_letters AS l
        WHERE l.tenant_id = $1 AND l.status = 'waiting'
          AND (l.integration_id, l.reason, l.kind, l.cause_field) > (c.integration_id, c.reason, c.kind, c.cause_field)
        ORDER BY l.integration_id, l.reason, l.kind, l.cause_field LIMIT 1
    ) AS n
), known AS (SELECT * FROM causes LIMIT $2)
SELECT c.integration_id, c.reason, c.kind, c.cause_field, counted.letters, first.created_at AS first_at,
       last.created_at AS last_at, last.event_id, example.object_id
FROM known AS c
CROSS JOIN LATERAL (
    SELECT count(*) AS letters FROM (
        SELECT 1 FROM dead_letters AS l
        WHERE l.tenant_id = $1 AND l.status = 'waiting' AND l.integration_id = c.integration_id
          AND l.reason = c.reason AND l.kind = c.kind AND l.cause_field = c.cause_field LIMIT $3
    ) AS counted_ones
) AS counted
CROSS JOIN LATERAL (
    SELECT l.created_at FROM dead_letters AS l
    WHERE l.tenant_id = $1 AND l.status = 'waiting' AND l.integration_id = c.integration_id
      AND l.reason = c.reason AND l.kind = c.kind AND l.cause_field = c.cause_field
    ORDER BY l.created_at, l.event_id LIMIT 1
) AS first
CROSS JOIN LATERAL (
    SELECT l.created_at, l.event_id FROM dead_letters AS l
    WHERE l.tenant_id = $1 AND l.status = 'waiting' AND l.integration_id = c.integration_id
      AND l.reason = c.reason AND l.kind = c.kind AND l.cause_field = c.cause_field
    ORDER BY l.created_at DESC, l.event_id DESC LIMIT 1
) AS last
CROSS JOIN LATERAL (
    SELECT l.object_id FROM dead_letters AS l WHERE l.tenant_id = $1 AND l.event_id = last.event_id LIMIT 1
) AS example;

-- page_group_letters [web]: those of one cause that wait, newest first; the body stays where it is.
SELECT l.event_id, l.received_on, l.integration_id, l.kind, l.object_id, l.reason, l.field, l.status,
       l.replay_event_id, l.attempts, l.created_at, l.updated_at, NULL::bytea AS sealed_body
FROM dead_letters AS l
WHERE l.tenant_id = $1 AND l.status = 'waiting' AND l.integration_id = $2 AND l.reason = $3 AND l.kind = $4
  AND l.cause_field = $5 AND (l.created_at, l.event_id) < ($6, $7)
ORDER BY l.created_at DESC, l.event_id DESC LIMIT $8;

-- measure_letters [web, operator]: how many waiting letters a choice takes, counted up to a limit, from when to when.
SELECT count(*) AS letters, min(f.created_at) AS first_at, max(f.created_at) AS last_at FROM (
    SELECT l.created_at FROM dead_letters AS l
    WHERE l.tenant_id = $1 AND l.status = 'waiting' AND ($2::integer IS NULL OR l.integration_id = $2)
      AND ($3::text IS NULL OR l.reason = $3) AND ($4::text IS NULL OR l.kind = $4)
      AND ($5::text IS NULL OR l.cause_field = $5)
      AND ($6::timestamptz IS NULL OR l.created_at >= $6) AND ($7::timestamptz IS NULL OR l.created_at < $7)
      AND ($8::uuid[] IS NULL OR l.event_id = ANY ($8))
    LIMIT $9
) AS f;
