-- What the watchdog knows of each hook at a provider, apart from the integration: the state that people see stays there.
--
-- `known_at`: up to when it is known what the hook did: what it missed before then is marked as a gap. `good_since`: since
-- when it stands without a break; NULL while it does not. `due_at`: when the watchdog looks again. `failures`: looks in a
-- row that found nothing out or set nothing right. `probe_id`, `probed_at`: the last test call, until it has its ledger
-- row; `path_good_at`: when a test call last came all the way; `path_problem`: what kept it from that, in a sentence.
-- `moved_at`: an order changed then, and a batch was the first to tell. `silent_since`: since when the hook tells nothing
-- although orders change.
CREATE TABLE hook_watches (
    tenant_id      integer NOT NULL,
    integration_id integer NOT NULL,
    known_at       timestamptz,
    good_since     timestamptz,
    due_at         timestamptz NOT NULL DEFAULT now(),
    failures       integer NOT NULL DEFAULT 0,
    probe_id       uuid,
    probed_at      timestamptz,
    path_good_at   timestamptz,
    path_problem   text,
    moved_at       timestamptz,
    silent_since   timestamptz,
    PRIMARY KEY (tenant_id, integration_id)
) WITH (fillfactor = 70);

ALTER TABLE hook_watches ENABLE ROW LEVEL SECURITY;
ALTER TABLE hook_watches FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON hook_watches USING (tenant_id = (SELECT security.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT security.current_tenant_id()));
-- Whose turn it is, is asked over all tenants; it is taken as the tenant.
CREATE POLICY of_platform ON hook_watches FOR SELECT USING ((SELECT security.is_platform()));

GRANT SELECT, INSERT, UPDATE ON hook_watches TO acequia_worker, acequia_syncer, acequia_web, acequia_operator;
GRANT DELETE ON hook_watches TO acequia_worker;
