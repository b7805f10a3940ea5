-- insert_endpoint [web, operator]: the token itself is stored sealed; it is found by its hash.
INSERT INTO endpoints (
    tenant_id, endpoint_id, integration_id, kind, source, token_hash, sealed_token, header_name, secret_hashes,
    sealed_secrets, accounts
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- find_endpoint [web, worker, operator]: locked by nobody: changes of one endpoint are one statement each.
SELECT endpoint_id, integration_id, kind, source, token_hash, sealed_token, header_name, secret_hashes, sealed_secrets,
       accounts, status, created_at, revoked_at, rotated_at
FROM endpoints WHERE tenant_id = $1 AND endpoint_id = $2;

-- lock_endpoint [web, worker, operator]: two rotations at once would each keep a different previous secret.
SELECT endpoint_id, integration_id, kind, source, token_hash, sealed_token, header_name, secret_hashes, sealed_secrets,
       accounts, status, created_at, revoked_at, rotated_at
FROM endpoints WHERE tenant_id = $1 AND endpoint_id = $2 FOR UPDATE;

-- list_endpoints [web, worker, operator]: one tenant's, in the order made; of those made at once the order hook first.
SELECT endpoint_id, integration_id, kind, source, token_hash, sealed_token, header_name, secret_hashes, sealed_secrets,
       accounts, status, created_at, revoked_at, rotated_at
FROM endpoints WHERE tenant_id = $1 ORDER BY created_at, kind DESC, endpoint_id;

-- set_secrets [web, worker, operator]: the hashes that are valid from now on, with the sealed secrets beside them.
UPDATE endpoints SET secret_hashes = $3, sealed_secrets = $4, rotated_at = $5 WHERE tenant_id = $1 AND endpoint_id = $2;

-- note_rotation [web, worker, operator]: the caller has the newest secret: from now on the one before may fall silent.
UPDATE endpoints SET rotated_at = now()
WHERE tenant_id = $1 AND endpoint_id = $2 AND rotated_at IS NULL AND cardinality(secret_hashes) > 1;

-- list_rotations [worker]: platform work: rotations that are older than so many seconds.
SELECT e.tenant_id, e.endpoint_id, e.token_hash FROM endpoints AS e
WHERE e.status = 'active' AND e.rotated_at < now() - make_interval(secs => $1) ORDER BY e.rotated_at LIMIT $2;

-- set_accounts [web, operator]: which provider accounts this address takes calls of.
UPDATE endpoints SET accounts = $3 WHERE tenant_id = $1 AND endpoint_id = $2;

-- revoke_endpoint [web, operator]: for ever; a new address is a new endpoint.
UPDATE endpoints SET status = 'revoked', revoked_at = now()
WHERE tenant_id = $1 AND endpoint_id = $2 AND status = 'active';

-- next_directory_generation [web, worker, operator]: its row lock lets whole publications read one after the other.
INSERT INTO queue_ticks (name, ticks) VALUES ('directory', $1::bigint + 1)
ON CONFLICT (name) DO UPDATE SET ticks = greatest(queue_ticks.ticks, $1) + 1
RETURNING ticks;

-- list_directory [web, worker, operator]: revoked ones are left out: not to be in the directory is to be unknown.
SELECT e.tenant_id, e.integration_id, i.connector, e.kind, e.source, e.token_hash, e.header_name, e.secret_hashes,
       CASE WHEN e.kind = 'inline' THEN e.sealed_secrets END AS sealed_inline, e.accounts,
       t.status AS tenant_status, t.priority, t.worker_group,
       hashtextextended(concat_ws('|', e.tenant_id, e.integration_id, i.connector, e.kind, e.source,
           encode(e.token_hash, 'hex'), e.header_name, e.secret_hashes::text, e.sealed_secrets::text,
           e.accounts::text, t.status, t.priority, t.worker_group), 0) AS row_hash
FROM endpoints AS e
JOIN tenants AS t ON t.tenant_id = e.tenant_id
JOIN tenant_integrations AS i ON i.tenant_id = e.tenant_id AND i.integration_id = e.integration_id
WHERE e.status = 'active' AND i.status <> 'deleted';

-- find_directory_fingerprint [web, worker, operator]: tells whether what was published is still what there is.
SELECT count(*)::text || ':' || coalesce(sum(hashtextextended(concat_ws('|', e.tenant_id, e.integration_id,
           i.connector, e.kind, e.source, encode(e.token_hash, 'hex'), e.header_name, e.secret_hashes::text,
           e.sealed_secrets::text, e.accounts::text, t.status, t.priority, t.worker_group), 0)::numeric), 0)::text
FROM endpoints AS e
JOIN tenants AS t ON t.tenant_id = e.tenant_id
JOIN tenant_integrations AS i ON i.tenant_id = e.tenant_id AND i.integration_id = e.integration_id
WHERE e.status = 'active' AND i.status <> 'deleted';
