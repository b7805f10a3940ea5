-- insert_integration [web, operator]: one per connector and account of a tenant.
INSERT INTO tenant_integrations (tenant_id, integration_id, connector, account, environment, config, sealed_credentials)
VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7);

-- list_integrations [worker, syncer, web, operator]: one tenant's, without credentials.
SELECT i.tenant_id, i.integration_id, i.connector, i.account, i.environment, i.config,
       NULL::bytea AS sealed_credentials, i.status, i.status_reason, i.created_at, i.updated_at
FROM tenant_integrations AS i WHERE i.tenant_id = $1 ORDER BY i.integration_id;

-- list_integrations_by_tenant [worker, syncer, web, operator]: everybody's, without credentials: platform work.
SELECT i.tenant_id, i.integration_id, i.connector, i.account, i.environment, i.config,
       NULL::bytea AS sealed_credentials, i.status, i.status_reason, i.created_at, i.updated_at
FROM tenant_integrations AS i ORDER BY i.tenant_id, i.integration_id;

-- find_integration [worker, syncer, web, operator]: one, with its sealed credentials.
SELECT i.tenant_id, i.integration_id, i.connector, i.account, i.environment, i.config, i.sealed_credentials,
       i.status, i.status_reason, i.created_at, i.updated_at
FROM tenant_integrations AS i WHERE i.tenant_id = $1 AND i.integration_id = $2;

-- set_integration_status [worker, syncer, web, operator]: only from one seen: a late refusal undoes no new credentials.
UPDATE tenant_integrations AS i SET status = $4, status_reason = $5, updated_at = now()
WHERE i.tenant_id = $1 AND i.integration_id = $2 AND i.status = ANY ($3::text[])
RETURNING i.integration_id;

-- set_credentials [web, operator]: new credentials resume an integration that waited for them.
UPDATE tenant_integrations AS i
SET sealed_credentials = $3, updated_at = now(), status_reason = NULL,
    status = CASE WHEN i.status = 'credentials_refused' THEN 'active' ELSE i.status END
WHERE i.tenant_id = $1 AND i.integration_id = $2 AND i.status <> 'deleted'
RETURNING i.status;

-- list_accepted_accounts [web]: its franchises', beside its own account.
SELECT unnest(i.accepted_accounts) AS account FROM tenant_integrations AS i
WHERE i.tenant_id = $1 AND i.integration_id = $2;
