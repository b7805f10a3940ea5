-- insert_audit_entry [web, operator, worker, syncer]: in the transaction of what it tells, or neither happened.
INSERT INTO audit_entries (tenant_id, audit_id, actor_kind, actor_id, action, object_kind, object_id, details, request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb, $9);

-- insert_platform_audit_entry [web, operator, worker, syncer]: what concerns no tenant, or not one alone.
INSERT INTO platform_audit_entries (audit_id, actor_kind, actor_id, action, object_kind, object_id, details, request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7::text::jsonb, $8);

-- page_audit_entries [web, operator]: one tenant's that are so, newest first, between two places. No index is there for
-- every filter: a page looks at a limited number of entries and says where it stopped.
WITH seen AS MATERIALIZED (
    SELECT a.audit_id, a.at, a.actor_kind, a.actor_id, a.action, a.object_kind, a.object_id, a.details, a.request_id
    FROM audit_entries AS a WHERE a.tenant_id = $1 AND a.audit_id < $2 AND a.audit_id >= $3
    ORDER BY a.audit_id DESC LIMIT $4
), found AS (
    SELECT s.* FROM seen AS s
    WHERE ($6::text IS NULL OR s.actor_id = $6) AND ($7::text IS NULL OR starts_with(s.action, $7))
      AND ($8::text IS NULL OR s.object_id = $8)
    ORDER BY s.audit_id DESC LIMIT $5
)
SELECT f.*, false AS is_end FROM found AS f
UNION ALL
(SELECT s.*, true FROM seen AS s WHERE (SELECT count(*) FROM seen) = $4 ORDER BY s.audit_id LIMIT 1);

-- page_platform_audit_entries [web, operator]: the same of the platform's own.
WITH seen AS MATERIALIZED (
    SELECT a.audit_id, a.at, a.actor_kind, a.actor_id, a.action, a.object_kind, a.object_id, a.details, a.request_id
    FROM platform_audit_entries AS a WHERE a.audit_id < $1 AND a.audit_id >= $2
    ORDER BY a.audit_id DESC LIMIT $3
), found AS (
    SELECT s.* FROM seen AS s
    WHERE ($5::text IS NULL OR s.actor_id = $5) AND ($6::text IS NULL OR starts_with(s.action, $6))
      AND ($7::text IS NULL OR s.object_id = $7)
    ORDER BY s.audit_id DESC LIMIT $4
)
SELECT f.*, false AS is_end FROM found AS f
UNION ALL
(SELECT s.*, true FROM seen AS s WHERE (SELECT count(*) FROM seen) = $3 ORDER BY s.audit_id LIMIT 1);
