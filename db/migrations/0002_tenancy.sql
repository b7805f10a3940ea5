-- Who is served: organizations, their tenants, the tenants' integrations and the addresses that providers call.

CREATE TABLE organizations (
    organization_id integer PRIMARY KEY,
    name            text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE tenants (
    tenant_id       integer NOT NULL PRIMARY KEY CHECK (tenant_id > 0),
    organization_id integer NOT NULL,
    name            text NOT NULL,
    slug            text NOT NULL,
    type            text NOT NULL CHECK (type IN ('trial', 'business', 'enterprise')),
    plan            text NOT NULL,
    status          text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'expired', 'deleting')),
    settings        jsonb NOT NULL DEFAULT '{}',
    worker_group    text NOT NULL DEFAULT 'shared',
    priority        text NOT NULL DEFAULT 'normal' CHECK (priority IN ('high', 'normal', 'low')),
    created_at      timestamptz NOT NULL DEFAULT now(),
    trial_ends_at   timestamptz
);

-- Slugs are unique over all tenants. A unique index of `tenants` could not say so: one that does not begin with
-- tenant_id would tell a tenant which slugs its neighbours have. So they have a platform table of their own.
CREATE TABLE tenant_slugs (
    slug      text PRIMARY KEY CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    tenant_id integer NOT NULL UNIQUE
);

CREATE TABLE tenant_integrations (
    tenant_id          integer NOT NULL,
    integration_id     integer NOT NULL,
    connector          text NOT NULL,
    account            text NOT NULL,
    environment        text NOT NULL DEFAULT '',
    config             jsonb NOT NULL DEFAULT '{}',
    sealed_credentials bytea,
    status             text NOT NULL DEFAULT 'active'
                       CHECK (status IN ('active', 'paused', 'credentials_refused', 'deleted')),
    status_reason      text,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, integration_id),
    UNIQUE (tenant_id, connector, account),
    FOREIGN KEY (tenant_id) REFERENCES tenants (tenant_id)
);

CREATE TABLE endpoints (
    tenant_id      integer NOT NULL,
    endpoint_id    uuid NOT NULL,
    integration_id integer NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('order_hook', 'customer_trigger', 'inline')),
    source         text NOT NULL,
    token_hash     bytea NOT NULL CHECK (octet_length(token_hash) = 32),
    sealed_token   bytea,
    header_name    text,
    secret_hashes  bytea[] NOT NULL DEFAULT '{}' CHECK (cardinality(secret_hashes) <= 2),
    sealed_secrets bytea,
    accounts       text[] NOT NULL DEFAULT '{}',
    status         text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'revoked')),
    created_at     timestamptz NOT NULL DEFAULT now(),
    revoked_at     timestamptz,
    PRIMARY KEY (tenant_id, endpoint_id),
    UNIQUE (tenant_id, token_hash),
    FOREIGN KEY (tenant_id, integration_id) REFERENCES tenant_integrations (tenant_id, integration_id)
);
