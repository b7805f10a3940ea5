-- Tokens that a provider changes at every refresh, and the lease of whoever refreshes them.

-- `sealed`: all of them in one blob, for this integration alone; NULL before the first refresh, and when it was deleted.
-- `lease_holder`: who may call the provider and commit, until `lease_until` or until somebody else takes it after that.
-- `refused_origin`: the authorisation that the provider called dead, as a hash that tells nothing: it is not tried again.
CREATE TABLE integration_tokens (
    tenant_id      integer NOT NULL,
    integration_id integer NOT NULL,
    sealed         bytea,
    key_version    integer,
    lease_holder   uuid,
    lease_until    timestamptz,
    refused_origin text COLLATE "C",
    committed_at   timestamptz,
    updated_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, integration_id),
    CHECK ((sealed IS NULL) = (key_version IS NULL)),
    CHECK ((lease_holder IS NULL) = (lease_until IS NULL))
) WITH (fillfactor = 70);
ALTER TABLE integration_tokens ALTER COLUMN sealed SET STORAGE EXTERNAL;

ALTER TABLE integration_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE integration_tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON integration_tokens
    USING (tenant_id = (SELECT security.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT security.current_tenant_id()));

-- Whoever calls a provider may have to refresh: drains, syncs, and who validates what is held.
GRANT SELECT, INSERT, UPDATE ON integration_tokens TO acequia_worker, acequia_syncer, acequia_web, acequia_operator;
GRANT DELETE ON integration_tokens TO acequia_worker;
