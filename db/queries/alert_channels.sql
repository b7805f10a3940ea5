-- insert_channel [web, operator]: where it goes is sealed.
INSERT INTO alert_channels (tenant_id, channel_id, kind, name, sealed, min_severity, rules, is_enabled)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- list_channels [web, operator, worker]: in the order made, with where they go, sealed.
SELECT c.tenant_id, c.channel_id, c.kind, c.name, c.sealed, c.min_severity, c.rules, c.is_enabled, c.created_at,
       c.last_ok_at, c.last_failure_at, c.last_failure, c.failures
FROM alert_channels AS c WHERE c.tenant_id = $1 AND c.deleted_at IS NULL ORDER BY c.channel_id;

-- find_channel [web, operator, worker]: one that is not deleted.
SELECT c.tenant_id, c.channel_id, c.kind, c.name, c.sealed, c.min_severity, c.rules, c.is_enabled, c.created_at,
       c.last_ok_at, c.last_failure_at, c.last_failure, c.failures
FROM alert_channels AS c WHERE c.tenant_id = $1 AND c.channel_id = $2 AND c.deleted_at IS NULL;

-- list_channel_names [web, operator]: of what was sent, deleted ones too.
SELECT c.channel_id, c.kind, c.name FROM alert_channels AS c WHERE c.tenant_id = $1 AND c.channel_id = ANY ($2::uuid[]);

-- lock_channels [web, operator]: two who make one at once are counted one after the other.
SELECT pg_advisory_xact_lock(hashtextextended('acequia.alert_channels', $1::integer));

-- change_channel [web, operator]: all of it as it is to be; another address begins without the failures of the one before.
UPDATE alert_channels AS c
SET name = $3, min_severity = $5, rules = $6, is_enabled = $7, updated_at = now(), sealed = $4,
    failures = CASE WHEN c.sealed = $4 THEN c.failures ELSE 0 END
WHERE c.tenant_id = $1 AND c.channel_id = $2 AND c.deleted_at IS NULL
RETURNING c.channel_id;

-- delete_channel [web, operator]: its row stays for what it sent; where that went is forgotten.
UPDATE alert_channels AS c SET deleted_at = now(), sealed = NULL, is_enabled = false, updated_at = now()
WHERE c.tenant_id = $1 AND c.channel_id = $2 AND c.deleted_at IS NULL
RETURNING c.channel_id;

-- note_channel_ok [worker, web, operator]: a message was taken.
UPDATE alert_channels AS c SET last_ok_at = $3, failures = 0 WHERE c.tenant_id = $1 AND c.channel_id = $2;

-- note_channel_failure [worker, web, operator]: a message was not taken; `failures` are in a row.
UPDATE alert_channels AS c SET last_failure_at = $3, last_failure = $4, failures = c.failures + 1
WHERE c.tenant_id = $1 AND c.channel_id = $2;

-- forget_channels [worker]: deleted ones, after what they sent.
DELETE FROM alert_channels AS c WHERE c.tenant_id = $1 AND c.deleted_at < $2;
