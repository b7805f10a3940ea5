-- find_tokens [worker, syncer, web, operator]: what is committed, and which authorisation is dead.
SELECT t.sealed, t.refused_origin FROM integration_tokens AS t WHERE t.tenant_id = $1 AND t.integration_id = $2;

-- take_lease [worker, syncer, web, operator]: one at a time, by the server's clock; not for an authorisation that is dead.
INSERT INTO integration_tokens AS t (tenant_id, integration_id, lease_holder, lease_until)
VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))
ON CONFLICT (tenant_id, integration_id) DO UPDATE SET
    lease_holder = EXCLUDED.lease_holder,
    lease_until = clock_timestamp() + make_interval(secs => $4),
    updated_at = now()
WHERE (t.lease_until IS NULL OR t.lease_until <= clock_timestamp()) AND t.refused_origin IS DISTINCT FROM $5
RETURNING true;

-- commit_tokens [worker, syncer, web, operator]: only by the holder, whose lease ends with it; late, if nobody has taken
-- it meanwhile. The same blob again is the same commit, whose answer was lost.
UPDATE integration_tokens AS t SET
    sealed = $4,
    key_version = $5,
    refused_origin = CASE WHEN t.lease_holder = $3 THEN NULL ELSE t.refused_origin END,
    lease_holder = CASE WHEN t.lease_holder = $3 THEN NULL ELSE t.lease_holder END,
    lease_until = CASE WHEN t.lease_holder = $3 THEN NULL ELSE t.lease_until END,
    committed_at = now(),
    updated_at = now()
WHERE t.tenant_id = $1 AND t.integration_id = $2 AND (t.lease_holder = $3 OR t.sealed = $4)
RETURNING true;

-- release_lease [worker, syncer, web, operator]: only by the holder; with the authorisation that turned out to be dead.
UPDATE integration_tokens AS t SET
    lease_holder = NULL,
    lease_until = NULL,
    refused_origin = coalesce($4, t.refused_origin),
    updated_at = now()
WHERE t.tenant_id = $1 AND t.integration_id = $2 AND t.lease_holder = $3;

-- forgive_refusal [web, operator]: somebody has entered credentials: they are worth one try, whatever they are.
UPDATE integration_tokens AS t SET refused_origin = NULL, updated_at = now()
WHERE t.tenant_id = $1 AND t.integration_id = $2 AND t.refused_origin IS NOT NULL;

-- forget_tokens [web, operator]: of an integration that is deleted; whoever refreshes just now commits nothing any more.
UPDATE integration_tokens AS t SET
    sealed = NULL,
    key_version = NULL,
    lease_holder = NULL,
    lease_until = NULL,
    refused_origin = NULL,
    updated_at = now()
WHERE t.tenant_id = $1 AND t.integration_id = $2;

-- put_tokens [web, operator]: tokens of another authorisation take the place of what was there; whoever refreshes that
-- just now commits nothing any more.
INSERT INTO integration_tokens AS t (tenant_id, integration_id, sealed, key_version, committed_at)
VALUES ($1, $2, $3, $4, now())
ON CONFLICT (tenant_id, integration_id) DO UPDATE SET
    sealed = EXCLUDED.sealed,
    key_version = EXCLUDED.key_version,
    lease_holder = NULL,
    lease_until = NULL,
    refused_origin = NULL,
    committed_at = now(),
    updated_at = now();
