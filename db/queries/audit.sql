-- insert_audit_entry [worker, syncer, web, operator]: in the transaction of what it tells: both stand, or neither.
INSERT INTO audit_entries (tenant_id, audit_id, actor_kind, actor_id, action, object_kind, object_id, details,
                           request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb, $9);

-- insert_platform_audit_entry [worker, syncer, web, operator]: of what concerns no tenant: platform work.
INSERT INTO platform_audit_entries (audit_id, actor_kind, actor_id, action, object_kind, object_id, details, request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7::text::jsonb, $8);
