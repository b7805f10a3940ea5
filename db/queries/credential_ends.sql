-- list_due_ends [worker]: whose credentials' end is asked for, the longest overdue first ($1: connectors that tell it):
-- platform work. Refused credentials have ended, and nobody calls for what is paused.
SELECT i.tenant_id, i.integration_id
FROM tenant_integrations AS i JOIN tenants AS t ON t.tenant_id = i.tenant_id
WHERE i.connector = ANY ($1::text[]) AND i.status = 'active' AND t.status = 'active'
  AND i.sealed_credentials IS NOT NULL
  AND coalesce(i.end_asked_at, '-infinity') <= now() - make_interval(secs => $2)
ORDER BY coalesce(i.end_asked_at, '-infinity'), i.tenant_id, i.integration_id LIMIT $3;

-- claim_end [worker]: of two who take the same turn the second one gets no row, and so does who asked a while ago.
UPDATE tenant_integrations AS i SET end_asked_at = now()
WHERE i.tenant_id = $1 AND i.integration_id = $2 AND i.status = 'active'
  AND coalesce(i.end_asked_at, '-infinity') <= now() - make_interval(secs => $3)
RETURNING i.revision;

-- put_back_end [worker]: nobody could tell: asked again so long after.
UPDATE tenant_integrations AS i SET end_asked_at = now() - make_interval(secs => $3)
WHERE i.tenant_id = $1 AND i.integration_id = $2;

-- set_end [worker]: of the credentials that were asked about: others may have been entered meanwhile.
UPDATE tenant_integrations AS i SET credentials_expire_at = $4, updated_at = now()
WHERE i.tenant_id = $1 AND i.integration_id = $2 AND i.revision = $3 AND i.status <> 'deleted'
  AND i.credentials_expire_at IS DISTINCT FROM $4::timestamptz
RETURNING true;
