-- list_data_keys [keys]: all versions of one tenant, the destroyed ones too, so that an old blob gets its right error.
SELECT purpose, version, kek_id, wrapped, public_key, state FROM data_keys WHERE tenant_id = $1;

-- insert_data_key [keys]: making a tenant's keys twice must not make a second set; the first one stands.
INSERT INTO data_keys (tenant_id, purpose, version, kek_id, wrapped, public_key) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING;

-- retire_data_keys [keys]: before a rotation's new version; what they sealed still opens.
UPDATE data_keys SET state = 'decrypt_only' WHERE tenant_id = $1 AND purpose = $2 AND state = 'active'
RETURNING version;

-- lock_data_keys [keys]: two rotations of one tenant one after the other, so that each sees the other's version.
SELECT pg_advisory_xact_lock($1, hashtext('acequia.data_keys'));

-- find_newest_version [keys]: counts destroyed versions too: a number is never used for two keys.
SELECT max(version) FROM data_keys WHERE tenant_id = $1 AND purpose = $2;

-- destroy_data_keys [keys]: forgets the bytes and keeps the row; there is no way back.
UPDATE data_keys SET state = 'destroyed', wrapped = NULL, destroyed_at = now()
WHERE tenant_id = $1 AND state <> 'destroyed';

-- list_foreign_wrappings [keys]: what a rotation of the key-encryption key has still to wrap again.
SELECT tenant_id, purpose, version, kek_id, wrapped FROM data_keys
WHERE kek_id <> $1 AND state <> 'destroyed'
ORDER BY tenant_id, purpose, version LIMIT $2;

-- rewrap_data_key [keys]: only if nobody destroyed or wrapped it meanwhile.
UPDATE data_keys SET kek_id = $5, wrapped = $6
WHERE tenant_id = $1 AND purpose = $2 AND version = $3 AND kek_id = $4 AND state <> 'destroyed';

-- ping_keys [keys]: the database of keys answers and its table is there.
SELECT 1 FROM data_keys LIMIT 1;
