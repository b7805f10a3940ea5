-- The tenants' data keys, wrapped by the keystore: another database, role and backup than the data they open.
--
-- A destroyed key keeps its row, so that what it sealed is told apart from what was changed; its bytes are gone.

REVOKE ALL ON SCHEMA public FROM PUBLIC;

CREATE TABLE data_keys (
    tenant_id    integer NOT NULL CHECK (tenant_id > 0),
    purpose      text NOT NULL CHECK (purpose IN ('seal', 'index', 'hash', 'inline')),
    version      integer NOT NULL CHECK (version > 0),
    kek_id       text NOT NULL,
    wrapped      bytea,
    public_key   bytea CHECK (octet_length(public_key) = 32),
    state        text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'decrypt_only', 'destroyed')),
    created_at   timestamptz NOT NULL DEFAULT now(),
    destroyed_at timestamptz,
    PRIMARY KEY (tenant_id, purpose, version),
    CHECK ((state = 'destroyed') = (wrapped IS NULL)),
    CHECK ((state = 'destroyed') = (destroyed_at IS NOT NULL)),
    CHECK ((purpose = 'inline') = (public_key IS NOT NULL)),
    -- A second version of the hash key would make every stored row look changed.
    CHECK (purpose <> 'hash' OR version = 1)
);

-- New blobs use the one active version: two would be a race between two rotations.
CREATE UNIQUE INDEX data_keys_active ON data_keys (tenant_id, purpose) WHERE state = 'active';

GRANT USAGE ON SCHEMA public TO acequia_keys;
GRANT SELECT, INSERT, UPDATE ON data_keys TO acequia_keys;
GRANT SELECT ON schema_migrations TO acequia_keys;
