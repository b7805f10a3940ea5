-- lock_migrations [owner]: two migrations at once would both run the same file.
SELECT pg_advisory_lock(hashtext('acequia.migrations'));

-- set_migration_limits [owner]: a migration that waits for a lock makes everybody behind it wait; better that it fails.
SELECT set_config('lock_timeout', '5s', false), set_config('statement_timeout', '15min', false);

-- create_schema_migrations [owner]: what has been applied, with a checksum so that an edited file is noticed.
CREATE TABLE IF NOT EXISTS public.schema_migrations (
    name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
);

-- list_migrations [owner, operator]: in the order applied; `acequia db status` compares them with the files.
SELECT name, checksum, applied_at FROM public.schema_migrations ORDER BY name;

-- insert_migration [owner]: in the migration's own transaction, so that it is applied and noted, or neither.
INSERT INTO public.schema_migrations (name, checksum) VALUES ($1, $2);

-- install_token_key [owner]: the pads of HMAC-SHA-256, so that checking a token costs two hashes and nothing else.
INSERT INTO security.token_keys (key_id, inner_pad, outer_pad) VALUES ($1, $2, $3)
ON CONFLICT (key_id) DO UPDATE SET inner_pad = EXCLUDED.inner_pad, outer_pad = EXCLUDED.outer_pad;

-- remove_token_keys_but [owner]: ends a rotation: tokens of the keys not named stop working at once.
DELETE FROM security.token_keys WHERE key_id <> ALL ($1::text[]) RETURNING key_id;
