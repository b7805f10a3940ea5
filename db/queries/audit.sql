-- insert_audit_entry [web, operator, worker, syncer]: in the transaction of what it tells, or neither happened.
INSERT INTO audit_entries (tenant_id, audit_id, actor_kind, actor_id, action, object_kind, object_id, details, request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb, $9);

-- insert_platform_audit_entry [web, operator, worker, syncer]: what concerns no tenant, or not one alone.
INSERT INTO platform_audit_entries (audit_id, actor_kind, actor_id, action, object_kind, object_id, details, request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7::text::jsonb, $8);

-- list_audit_entries [web, operator]: one tenant's, newest first; ids are ordered by time.
SELECT a.audit_id, a.at, a.actor_kind, a.actor_id, a.action, a.object_kind, a.object_id, a.details, a.request_id
FROM audit_entries AS a WHERE a.tenant_id = $1 AND a.audit_id < $2 ORDER BY a.audit_id DESC LIMIT $3;

-- list_platform_audit_entries [web, operator]: the platform's own, newest first.
SELECT a.audit_id, a.at, a.actor_kind, a.actor_id, a.action, a.object_kind, a.object_id, a.details, a.request_id
FROM platform_audit_entries AS a WHERE a.audit_id < $1 ORDER BY a.audit_id DESC LIMIT $2;
