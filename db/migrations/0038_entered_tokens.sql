-- Tokens of credentials that somebody has entered and that no integration has yet: putting them to the test may use them
-- up, and what came of it is kept until an integration is made of the same ones, or until its days are over.

-- `entry`: which credentials, as a hash that tells nothing. `sealed`: with the platform's keys, for this entry alone; NULL
-- before the first refresh, and when it was moved into an integration's own place (`moved_at`), for good.
-- `lease_holder`, `lease_until`: as in integration_tokens.
CREATE TABLE entered_tokens (
    entry        text COLLATE "C" PRIMARY KEY,
    sealed       bytea,
    key_version  integer,
    lease_holder uuid,
    lease_until  timestamptz,
    moved_at     timestamptz,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CHECK ((sealed IS NULL) = (key_version IS NULL)),
    CHECK ((lease_holder IS NULL) = (lease_until IS NULL)),
    CHECK (moved_at IS NULL OR sealed IS NULL)
) WITH (fillfactor = 70);
ALTER TABLE entered_tokens ALTER COLUMN sealed SET STORAGE EXTERNAL;

ALTER TABLE entered_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE entered_tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY of_platform ON entered_tokens
    USING ((SELECT security.is_platform()))
    WITH CHECK ((SELECT security.is_platform()));

GRANT SELECT, INSERT, UPDATE ON entered_tokens TO acequia_web, acequia_operator;
GRANT SELECT, DELETE ON entered_tokens TO acequia_worker;
