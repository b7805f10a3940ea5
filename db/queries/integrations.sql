-- insert_integration [web, operator]: one per connector and account of a tenant.
INSERT INTO tenant_integrations (tenant_id, integration_id, connector, account, environment, config, sealed_credentials)
VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7);

-- list_integrations [worker, syncer, web, operator]: one tenant's, without credentials.
SELECT i.tenant_id, i.integration_id, i.connector, i.account, i.environment, i.config,
       NULL::bytea AS sealed_credentials,
       i.status, i.status_reason, i.created_at, i.updated_at, i.sealed_credentials IS NOT NULL AS has_credentials, i.name,
       i.revision, i.accepted_accounts, i.auto_sync, i.sync_frequency, i.hook_status, i.hook_note, i.hook_checked_at,
       i.credentials_expire_at
FROM tenant_integrations AS i WHERE i.tenant_id = $1 ORDER BY i.integration_id;

-- list_integrations_by_tenant [worker, syncer, web, operator]: everybody's, without credentials: platform work.
SELECT i.tenant_id, i.integration_id, i.connector, i.account, i.environment, i.config,
       NULL::bytea AS sealed_credentials,
       i.status, i.status_reason, i.created_at, i.updated_at, i.sealed_credentials IS NOT NULL AS has_credentials, i.name,
       i.revision, i.accepted_accounts, i.auto_sync, i.sync_frequency, i.hook_status, i.hook_note, i.hook_checked_at,
       i.credentials_expire_at
FROM tenant_integrations AS i ORDER BY i.tenant_id, i.integration_id;

-- find_integration [worker, syncer, web, operator]: one, with its sealed credentials.
SELECT i.tenant_id, i.integration_id, i.connector, i.account, i.environment, i.config, i.sealed_credentials,
       i.status, i.status_reason, i.created_at, i.updated_at, i.sealed_credentials IS NOT NULL AS has_credentials, i.name,
       i.revision, i.accepted_accounts, i.auto_sync, i.sync_frequency, i.hook_status, i.hook_note, i.hook_checked_at,
       i.credentials_expire_at
FROM tenant_integrations AS i WHERE i.tenant_id = $1 AND i.integration_id = $2;

-- lock_integration [web, operator]: before its addresses are made: two who make them at once would make two of each.
SELECT i.integration_id FROM tenant_integrations AS i WHERE i.tenant_id = $1 AND i.integration_id = $2 FOR UPDATE;

-- set_integration_status [worker, syncer, web, operator]: only from one seen: a late refusal undoes no new credentials.
UPDATE tenant_integrations AS i SET status = $4, status_reason = $5, updated_at = now()
WHERE i.tenant_id = $1 AND i.integration_id = $2 AND i.status = ANY ($3::text[])
  AND ($6::integer IS NULL OR i.revision = $6)
RETURNING i.integration_id;

-- set_credentials [web, operator]: new credentials resume an integration that waited for them.
UPDATE tenant_integrations AS i
SET sealed_credentials = $3, updated_at = now(), revision = i.revision + 1,
    status_reason = CASE WHEN i.status = 'credentials_refused' THEN NULL ELSE i.status_reason END,
    status = CASE WHEN i.status = 'credentials_refused' THEN 'active' ELSE i.status END
WHERE i.tenant_id = $1 AND i.integration_id = $2 AND i.status <> 'deleted'
RETURNING i.status;

-- lock_new_integration [web, operator]: ids are counted up, one creation of a tenant at a time.
SELECT pg_advisory_xact_lock(hashtextextended('acequia.new_integration', $1::integer));

-- next_integration_id [web, operator]: under lock_new_integration; deleted ones keep their rows, so no id comes back.
SELECT coalesce(max(i.integration_id), 0) + 1 AS next_id, count(*) FILTER (WHERE i.status <> 'deleted') AS live
FROM tenant_integrations AS i WHERE i.tenant_id = $1;

-- add_integration [web, operator]: with its name, schedule and accounts.
INSERT INTO tenant_integrations (
    tenant_id, integration_id, connector, account, environment, config, sealed_credentials, name, accepted_accounts,
    auto_sync, sync_frequency, credentials_expire_at
) VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7, $8, $9, $10, $11, $12);

-- change_integration [web, operator]: with the revision that was read: two changes at once do not undo each other. New
-- credentials resume an integration that waited for them.
UPDATE tenant_integrations AS i
SET environment = $4, config = $5::text::jsonb, sealed_credentials = $6, name = $7, accepted_accounts = $8,
    auto_sync = $9, sync_frequency = $10, credentials_expire_at = $12, revision = i.revision + 1, updated_at = now(),
    status = CASE WHEN $11 AND i.status = 'credentials_refused' THEN 'active' ELSE i.status END,
    status_reason = CASE WHEN $11 AND i.status = 'credentials_refused' THEN NULL ELSE i.status_reason END
WHERE i.tenant_id = $1 AND i.integration_id = $2 AND i.revision = $3 AND i.status <> 'deleted'
RETURNING i.revision;

-- delete_integration [web, operator]: the row stays, because ledger rows name it; what it could call with goes.
UPDATE tenant_integrations AS i
SET status = 'deleted', sealed_credentials = NULL, credentials_expire_at = NULL, hook_status = $3, hook_note = $4, hook_checked_at = now(),
    revision = i.revision + 1, updated_at = now()
WHERE i.tenant_id = $1 AND i.integration_id = $2 AND i.status <> 'deleted'
RETURNING i.integration_id;

-- set_hook_state [worker, syncer, web, operator]: what was found at the provider, or became of what was done there.
UPDATE tenant_integrations AS i SET hook_status = $3, hook_note = $4, hook_checked_at = now()
WHERE i.tenant_id = $1 AND i.integration_id = $2 AND i.status <> 'deleted'
RETURNING old.hook_status, old.hook_checked_at;

-- set_hook_note [worker]: what is known of a hook beside what a look at it told.
UPDATE tenant_integrations AS i SET hook_note = $3
WHERE i.tenant_id = $1 AND i.integration_id = $2 AND i.status <> 'deleted' AND i.hook_status = 'registered'
  AND i.hook_note IS DISTINCT FROM $3;

-- list_resumed [worker]: which of these are not paused or refused (any more): platform work.
SELECT i.tenant_id, i.integration_id
FROM unnest($1::integer[], $2::integer[]) AS n (tenant_id, integration_id)
JOIN tenant_integrations AS i ON i.tenant_id = n.tenant_id AND i.integration_id = n.integration_id
WHERE i.status IN ('active', 'deleted');
