-- insert_api_key [web, operator]: platform work: a key is known before its tenant is.
INSERT INTO api_keys (key_id, name, scope, scope_id, role, permissions, secret_hashes, created_by, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- find_api_key [web, operator]: by the name that stands in the key itself.
SELECT k.key_id, k.name, k.scope, k.scope_id, k.role, k.permissions, k.secret_hashes, k.created_by, k.created_at,
       k.rotated_at, k.expires_at, k.revoked_at, k.last_used_at
FROM api_keys AS k WHERE k.key_id = $1;

-- has_api_key [web, operator]: whether a scope ever had one; asked at every look at /readyz.
SELECT EXISTS (SELECT FROM api_keys AS k WHERE k.scope = $1 AND k.scope_id = $2);

-- list_api_keys [web, operator]: those of one scope in the order made, live ones first: they have a limit of their own,
-- and ended ones, which only grow in number, are cut off at this one's.
SELECT k.key_id, k.name, k.scope, k.scope_id, k.role, k.permissions, k.secret_hashes, k.created_by, k.created_at,
       k.rotated_at, k.expires_at, k.revoked_at, k.last_used_at
FROM api_keys AS k WHERE k.scope = $1 AND k.scope_id = $2
ORDER BY k.revoked_at IS NOT NULL OR coalesce(k.expires_at <= now(), false), k.created_at, k.key_id LIMIT $3;

-- count_live_api_keys [web, operator]: so that a scope's keys have a limit.
SELECT count(*) FROM api_keys AS k
WHERE k.scope = $1 AND k.scope_id = $2 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now());

-- rotate_api_key [web, operator]: the secret before stays valid until it is retired; an older one ends now.
UPDATE api_keys AS k SET secret_hashes = ARRAY[$4::bytea, k.secret_hashes[1]], rotated_at = now()
WHERE k.key_id = $1 AND k.scope = $2 AND k.scope_id = $3 AND k.revoked_at IS NULL
  AND (k.expires_at IS NULL OR k.expires_at > now())
RETURNING k.key_id;

-- retire_api_key_secret [web, operator]: ends a rotation: only the newest secret is valid.
UPDATE api_keys AS k SET secret_hashes = k.secret_hashes[1:1]
WHERE k.key_id = $1 AND k.scope = $2 AND k.scope_id = $3 AND k.revoked_at IS NULL
RETURNING k.key_id;

-- revoke_api_key [web, operator]: for ever; asked again it changes nothing.
UPDATE api_keys AS k SET revoked_at = coalesce(k.revoked_at, now())
WHERE k.key_id = $1 AND k.scope = $2 AND k.scope_id = $3
RETURNING k.key_id;

-- note_api_key_used [web]: at most once a minute, so that a busy key does not write at every call.
UPDATE api_keys AS k SET last_used_at = now()
WHERE k.key_id = $1 AND (k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute');
