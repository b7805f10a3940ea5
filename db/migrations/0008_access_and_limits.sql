-- Who may do what, what was done, what was used, and what a tenant's limits keep out.
--
-- People, keys and their roles are platform tables: a caller is known before its tenant is. Nothing of them is read in a
-- tenant's own transaction, and nothing of them is personal in the clear: addresses and names are sealed, found by
-- blind index, with the keys of the platform itself (tenant 0 of the keys database).

ALTER TABLE tenants
    ALTER COLUMN organization_id DROP NOT NULL,
    ADD COLUMN revision integer NOT NULL DEFAULT 1,
    ADD COLUMN status_reason text,
    ADD COLUMN status_changed_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN delete_after timestamptz,
    DROP CONSTRAINT tenants_status_check,
    ADD CONSTRAINT tenants_status_check CHECK (status IN ('active', 'suspended', 'expired', 'deleting', 'deleted')),
    ADD CHECK ((delete_after IS NOT NULL) = (status IN ('deleting', 'deleted')));

-- `hook_status`: whether the provider calls us: none (the connector has no hook), off (no PUBLIC_URL), registered,
-- foreign (somebody else's stands there), failed, removed. `hook_note`: a sentence; never an address of ours, which is a
-- secret. `config`: the declared fields that are neither secret nor columns.
ALTER TABLE tenant_integrations
    ADD COLUMN name text NOT NULL DEFAULT '',
    ADD COLUMN revision integer NOT NULL DEFAULT 1,
    ADD COLUMN accepted_accounts text[] NOT NULL DEFAULT '{}',
    ADD COLUMN auto_sync boolean NOT NULL DEFAULT true,
    ADD COLUMN sync_frequency text NOT NULL DEFAULT 'hourly',
    ADD COLUMN hook_status text NOT NULL DEFAULT 'none'
        CHECK (hook_status IN ('none', 'off', 'registered', 'foreign', 'failed', 'removed')),
    ADD COLUMN hook_note text,
    ADD COLUMN hook_checked_at timestamptz,
    DROP CONSTRAINT tenant_integrations_tenant_id_connector_account_key;
-- A deleted one keeps its row, because ledger rows name it; its account may be connected again.
CREATE UNIQUE INDEX tenant_integrations_account ON tenant_integrations (tenant_id, connector, account)
    WHERE status <> 'deleted';

-- Since when the caller has had the newest secret while the one before is still valid; NULL: no rotation is under way, or
-- the caller could not be told yet, so that the one before must not end.
ALTER TABLE endpoints ADD COLUMN rotated_at timestamptz;

-- The last moment at which an integration was known to be current; one row per writer, as with counters.
CREATE TABLE integration_activity (
    tenant_id      integer NOT NULL,
    integration_id integer NOT NULL,
    writer         text NOT NULL CHECK (writer IN ('live', 'bulk', 'api')),
    last_synced_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, integration_id, writer)
) WITH (fillfactor = 50);

-- Customers that a limit keeps out: pointers only, so that they can be fetched when the limit rises. `form`: hint, the
-- source can be asked again; inline, the document waits as a dead letter. `asked_at`: when it was last asked for.
CREATE TABLE waiting_customers (
    tenant_id      integer NOT NULL,
    source         text COLLATE "C" NOT NULL,
    account        text COLLATE "C" NOT NULL,
    external_id    text COLLATE "C" NOT NULL,
    integration_id integer NOT NULL,
    form           text NOT NULL CHECK (form IN ('hint', 'inline')),
    waiting_since  timestamptz NOT NULL DEFAULT now(),
    asked_at       timestamptz,
    PRIMARY KEY (tenant_id, source, account, external_id)
);
CREATE INDEX waiting_customers_by_age ON waiting_customers (tenant_id, waiting_since);

CREATE TABLE api_usage (
    tenant_id integer NOT NULL,
    used_on   date NOT NULL,
    calls     bigint NOT NULL,
    PRIMARY KEY (tenant_id, used_on)
) WITH (fillfactor = 50);

-- `sealed`: address and name. `password_hash`: empty until the first invitation is accepted. `session_epoch` counts up whenever all sessions of a person must end.
CREATE TABLE people (
    person_id         uuid PRIMARY KEY,
    email_index       bytea NOT NULL UNIQUE CHECK (octet_length(email_index) = 16),
    sealed            bytea NOT NULL,
    password_hash     text NOT NULL,
    is_platform_admin boolean NOT NULL DEFAULT false,
    status            text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')),
    session_epoch     integer NOT NULL DEFAULT 1,
    language          text,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now()
);

-- What a person may do where: in one tenant, or in all tenants of an organization. `sealed_name`: what they are called
-- there; what another tenant calls them is not that one's to know. It counts once it is accepted: whoever invites an
-- address is not thereby whoever reads its mail.
CREATE TABLE person_roles (
    person_id   uuid NOT NULL REFERENCES people (person_id),
    scope       text NOT NULL CHECK (scope IN ('organization', 'tenant')),
    scope_id    integer NOT NULL CHECK (scope_id > 0),
    role        text NOT NULL CHECK (role IN ('owner', 'admin', 'operator', 'analyst', 'auditor')),
    sealed_name bytea,
    created_at  timestamptz NOT NULL DEFAULT now(),
    accepted_at timestamptz,
    code_hash   bytea CHECK (octet_length(code_hash) = 32),
    code_ends_at timestamptz,
    PRIMARY KEY (person_id, scope, scope_id),
    CHECK ((accepted_at IS NULL) = (code_hash IS NOT NULL)),
    CHECK ((code_hash IS NULL) = (code_ends_at IS NULL))
);
CREATE INDEX person_roles_by_scope ON person_roles (scope, scope_id, person_id);

-- `secret_hashes`: newest first, two while a key is being rotated. `permissions`: NULL for all of the role's.
CREATE TABLE api_keys (
    key_id        text PRIMARY KEY CHECK (key_id ~ '^[0-9A-Za-z]{10}$'),
    name          text NOT NULL,
    scope         text NOT NULL CHECK (scope IN ('platform', 'organization', 'tenant')),
    scope_id      integer NOT NULL,
    role          text NOT NULL
                  CHECK (role IN ('platform_admin', 'owner', 'admin', 'operator', 'analyst', 'auditor')),
    permissions   text[],
    secret_hashes bytea[] NOT NULL CHECK (cardinality(secret_hashes) BETWEEN 1 AND 2),
    created_by    text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    rotated_at    timestamptz,
    expires_at    timestamptz,
    revoked_at    timestamptz,
    last_used_at  timestamptz,
    CHECK ((scope = 'platform') = (scope_id = 0)),
    CHECK ((scope = 'platform') = (role = 'platform_admin'))
);
CREATE INDEX api_keys_by_scope ON api_keys (scope, scope_id, created_at, key_id);

-- Who did what to what. `details` never holds a person's data nor a secret: names of fields, counts, ids.
CREATE TABLE audit_entries (
    tenant_id   integer NOT NULL,
    audit_id    uuid NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    actor_kind  text NOT NULL CHECK (actor_kind IN ('person', 'key', 'cli', 'system')),
    actor_id    text NOT NULL,
    action      text NOT NULL,
    object_kind text NOT NULL,
    object_id   text NOT NULL,
    details     jsonb NOT NULL DEFAULT '{}',
    request_id  text,
    PRIMARY KEY (tenant_id, audit_id)
);
-- The same for what concerns no tenant, or not one alone.
CREATE TABLE platform_audit_entries (
    audit_id    uuid PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    actor_kind  text NOT NULL CHECK (actor_kind IN ('person', 'key', 'cli', 'system')),
    actor_id    text NOT NULL,
    action      text NOT NULL,
    object_kind text NOT NULL,
    object_id   text NOT NULL,
    details     jsonb NOT NULL DEFAULT '{}',
    request_id  text
);

CREATE FUNCTION security.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only ever added to' USING ERRCODE = '42501';
END $$;
REVOKE ALL ON FUNCTION security.refuse_change() FROM PUBLIC;
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION security.refuse_change();
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON platform_audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION security.refuse_change();

-- Answers to be given again. `status` NULL: its first call has not ended yet. `sealed_answer` NULL: it showed a secret,
-- so the repeat is told `object_id` alone.
CREATE TABLE idempotent_calls (
    actor         text NOT NULL,
    key_hash      bytea NOT NULL CHECK (octet_length(key_hash) = 32),
    fingerprint   bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    status        integer,
    object_id     text,
    sealed_answer bytea,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (actor, key_hash)
);
CREATE INDEX idempotent_calls_by_time ON idempotent_calls (created_at);

-- Pages and feeds of records: by what changed, and orders by status too.
CREATE INDEX customers_by_change ON customers (tenant_id, updated_at, source, account, external_id);
CREATE INDEX orders_by_change ON orders (tenant_id, updated_at, source, account, external_id);
CREATE INDEX orders_by_status ON orders (tenant_id, status, updated_at, source, account, external_id);
-- One object's events.
CREATE INDEX events_by_object ON events (tenant_id, object_id, received_on, event_id);

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'integration_activity', 'waiting_customers', 'api_usage', 'audit_entries', 'people', 'person_roles', 'api_keys',
        'platform_audit_entries', 'idempotent_calls'
    ] LOOP
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', table_name);
    END LOOP;
    FOREACH table_name IN ARRAY ARRAY['integration_activity', 'waiting_customers', 'api_usage', 'audit_entries'] LOOP
        EXECUTE format(
            'CREATE POLICY of_tenant ON public.%I USING (tenant_id = (SELECT security.current_tenant_id())) '
            'WITH CHECK (tenant_id = (SELECT security.current_tenant_id()))', table_name);
    END LOOP;
    FOREACH table_name IN ARRAY ARRAY['people', 'person_roles', 'api_keys', 'platform_audit_entries',
                                      'idempotent_calls', 'api_usage', 'audit_entries'] LOOP
        EXECUTE format(
            'CREATE POLICY of_platform ON public.%I USING ((SELECT security.is_platform())) '
            'WITH CHECK ((SELECT security.is_platform()))', table_name);
    END LOOP;
    EXECUTE 'CREATE POLICY of_platform ON public.integration_activity FOR SELECT USING ((SELECT security.is_platform()))';
END $$;

-- Drains and syncs.
GRANT SELECT, INSERT, UPDATE ON integration_activity TO acequia_worker, acequia_syncer;
GRANT SELECT, INSERT, DELETE ON waiting_customers TO acequia_worker, acequia_syncer;
GRANT UPDATE (asked_at) ON waiting_customers TO acequia_worker;
GRANT UPDATE (hook_status, hook_note, hook_checked_at) ON tenant_integrations TO acequia_worker, acequia_syncer;
-- The worker's jobs: trials that end, tenants whose grace period is over, secrets that were replaced.
GRANT UPDATE (status, status_reason, status_changed_at, revision, delete_after) ON tenants TO acequia_worker;
GRANT UPDATE (sealed_credentials, accepted_accounts, revision) ON tenant_integrations TO acequia_worker;
GRANT UPDATE ON endpoints TO acequia_worker;
GRANT DELETE ON customers, orders, dead_letters, counters, gaps, integration_activity TO acequia_worker;
GRANT SELECT, DELETE ON api_usage, idempotent_calls TO acequia_worker;
GRANT SELECT, DELETE ON person_roles TO acequia_worker;
GRANT SELECT, UPDATE (revoked_at) ON api_keys TO acequia_worker;
GRANT INSERT ON audit_entries, platform_audit_entries TO acequia_worker, acequia_syncer;

-- API, dashboard and command line.
GRANT SELECT, INSERT, UPDATE ON people, api_keys TO acequia_web, acequia_operator;
GRANT SELECT, INSERT, UPDATE, DELETE ON person_roles TO acequia_web, acequia_operator;
GRANT SELECT, INSERT ON audit_entries, platform_audit_entries TO acequia_web, acequia_operator;
GRANT SELECT ON integration_activity, waiting_customers, api_usage TO acequia_web, acequia_operator;
GRANT INSERT, UPDATE ON api_usage TO acequia_web;
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotent_calls TO acequia_web;
GRANT INSERT, UPDATE ON gaps TO acequia_web;
