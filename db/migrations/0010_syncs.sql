-- Batch and manual syncs: what runs, where each of its streams stands, and what is known to be complete.
--
-- Nothing here is personal: ids at the source, counts, times, and positions in a provider's lists.

-- `kind`: full, everything; incremental, what may have changed; repair, what the provider says exists against what is
-- held, day by day. `since`, `until`: what a repair looks at, by creation; NULL: everything that may be listed.
CREATE TABLE sync_runs (
    tenant_id      integer NOT NULL,
    run_id         uuid NOT NULL,
    integration_id integer NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    started_at     timestamptz,
    ended_at       timestamptz,
    since          timestamptz,
    until          timestamptz,
    paused_at      timestamptz,
    cancelled_at   timestamptz,
    kind           text NOT NULL CHECK (kind IN ('full', 'incremental', 'repair')),
    trigger        text NOT NULL CHECK (trigger IN ('schedule', 'manual', 'repair', 'creation')),
    priority       text NOT NULL DEFAULT 'normal' CHECK (priority IN ('high', 'normal', 'low')),
    status         text NOT NULL DEFAULT 'queued'
                   CHECK (status IN ('queued', 'running', 'succeeded', 'partial', 'failed', 'cancelled')),
    reason         text,
    requested_by   text NOT NULL,
    PRIMARY KEY (tenant_id, run_id)
);
-- The newest runs of an integration; and, few, those that go on.
CREATE INDEX sync_runs_by_integration ON sync_runs (tenant_id, integration_id, run_id);
CREATE INDEX sync_runs_active ON sync_runs (tenant_id, integration_id) WHERE status IN ('queued', 'running');

-- One stream of a run: the unit that a syncer claims. `lease_*`: who works on it until when; a lease that ended by itself
-- was abandoned. `due_at`: not before. `stepped_at`: whose turn it is. `checkpoint`: positions still to be read, written
-- in the transaction of the rows that were read before them. `expected`: what the lists said there is, NULL until known.
CREATE TABLE sync_run_streams (
    tenant_id      integer NOT NULL,
    run_id         uuid NOT NULL,
    stream         text NOT NULL,
    integration_id integer NOT NULL,
    status         text NOT NULL DEFAULT 'queued'
                   CHECK (status IN ('queued', 'running', 'succeeded', 'partial', 'failed', 'cancelled')),
    reason         text,
    created_at     timestamptz NOT NULL DEFAULT now(),
    started_at     timestamptz,
    ended_at       timestamptz,
    due_at         timestamptz NOT NULL DEFAULT now(),
    stepped_at     timestamptz,
    lease_until    timestamptz,
    lease_holder   uuid,
    steps          integer NOT NULL DEFAULT 0,
    failures       integer NOT NULL DEFAULT 0,
    worked_ms      bigint NOT NULL DEFAULT 0,
    expected       bigint,
    listed         bigint NOT NULL DEFAULT 0,
    fetched        bigint NOT NULL DEFAULT 0,
    created        bigint NOT NULL DEFAULT 0,
    updated        bigint NOT NULL DEFAULT 0,
    unchanged      bigint NOT NULL DEFAULT 0,
    deleted        bigint NOT NULL DEFAULT 0,
    kept_out       bigint NOT NULL DEFAULT 0,
    dead           bigint NOT NULL DEFAULT 0,
    read_bytes     bigint NOT NULL DEFAULT 0,
    provider_calls bigint NOT NULL DEFAULT 0,
    errors         bigint NOT NULL DEFAULT 0,
    error_code     text,
    error_example  text,
    checkpoint     jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant_id, run_id, stream)
) WITH (fillfactor = 50);
CREATE INDEX sync_run_streams_active ON sync_run_streams (tenant_id, integration_id, stream, created_at)
    WHERE status IN ('queued', 'running');
-- Two runs of one stream never overlap, whatever the code does.
CREATE UNIQUE INDEX sync_run_streams_one_running ON sync_run_streams (tenant_id, integration_id, stream)
    WHERE status = 'running';

-- What is known of an integration's stream between runs. `listed_through`: changes before it have been looked for.
CREATE TABLE sync_streams (
    tenant_id      integer NOT NULL,
    integration_id integer NOT NULL,
    stream         text NOT NULL,
    listed_through timestamptz,
    full_at        timestamptz,
    incremental_at timestamptz,
    trailing_at    timestamptz,
    verified_at    timestamptz,
    PRIMARY KEY (tenant_id, integration_id, stream)
);

-- When an integration's next sync is due. `frequency`, `time_zone`: from which it was reckoned; others: reckon anew.
CREATE TABLE sync_schedules (
    tenant_id      integer NOT NULL,
    integration_id integer NOT NULL,
    next_sync_at   timestamptz NOT NULL,
    frequency      text NOT NULL,
    time_zone      text NOT NULL,
    updated_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, integration_id)
);

-- Objects whose detail does not help to make list and row agree: a list that is never indexed again, or a document that
-- cannot be used. They are fetched again when the list shows something else. `marked_at`: or after a day.
CREATE TABLE listing_marks (
    tenant_id      integer NOT NULL,
    stream         text COLLATE "C" NOT NULL,
    source         text COLLATE "C" NOT NULL,
    account        text COLLATE "C" NOT NULL,
    external_id    text COLLATE "C" NOT NULL,
    marked_at      timestamptz NOT NULL DEFAULT now(),
    fingerprint    text NOT NULL,
    reason         text NOT NULL CHECK (reason IN ('list_is_stale', 'dead')),
    PRIMARY KEY (tenant_id, stream, source, account, external_id)
);

-- How complete each day (UTC, by creation at the source) was found to be, the last time that it was looked at.
CREATE TABLE completeness_days (
    tenant_id      integer NOT NULL,
    integration_id integer NOT NULL,
    stream         text NOT NULL,
    day            date NOT NULL,
    run_id         uuid NOT NULL,
    verified_at    timestamptz NOT NULL DEFAULT now(),
    listed         bigint NOT NULL,
    missing        bigint NOT NULL,
    stale          bigint NOT NULL,
    unlisted       bigint NOT NULL,
    PRIMARY KEY (tenant_id, integration_id, stream, day)
);

-- Each difference that a repair found. `outcome` NULL: not settled yet.
CREATE TABLE completeness_findings (
    tenant_id      integer NOT NULL,
    run_id         uuid NOT NULL,
    stream         text COLLATE "C" NOT NULL,
    external_id    text COLLATE "C" NOT NULL,
    finding        text NOT NULL CHECK (finding IN ('missing', 'stale', 'unlisted')),
    outcome        text CHECK (outcome IN ('repaired', 'deleted', 'left_alone', 'kept_out', 'dead')),
    day            date NOT NULL,
    found_at       timestamptz NOT NULL DEFAULT now(),
    settled_at     timestamptz,
    PRIMARY KEY (tenant_id, run_id, stream, external_id)
);

-- A detail with an error of its workflow shows it in the list too.
ALTER TABLE orders ADD COLUMN has_workflow_error boolean;

-- What is held of one day, to be compared with what is listed.
CREATE INDEX customers_by_creation ON customers (tenant_id, source, account, source_created_at, external_id);
CREATE INDEX orders_by_creation ON orders (tenant_id, source, account, source_created_at, external_id);

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'sync_runs', 'sync_run_streams', 'sync_streams', 'sync_schedules', 'listing_marks', 'completeness_days',
        'completeness_findings'
    ] LOOP
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format(
            'CREATE POLICY of_tenant ON public.%I USING (tenant_id = (SELECT security.current_tenant_id())) '
            'WITH CHECK (tenant_id = (SELECT security.current_tenant_id()))', table_name);
    END LOOP;
    -- Claims and schedules look at everybody's.
    FOREACH table_name IN ARRAY ARRAY['sync_runs', 'sync_run_streams', 'sync_schedules'] LOOP
        EXECUTE format(
            'CREATE POLICY of_platform ON public.%I USING ((SELECT security.is_platform())) '
            'WITH CHECK ((SELECT security.is_platform()))', table_name);
    END LOOP;
    EXECUTE 'CREATE POLICY of_platform ON public.sync_streams FOR SELECT USING ((SELECT security.is_platform()))';
END $$;

GRANT SELECT, INSERT, UPDATE ON sync_runs, sync_run_streams, sync_streams, sync_schedules, completeness_days,
    completeness_findings TO acequia_syncer;
GRANT SELECT, INSERT, UPDATE, DELETE ON listing_marks TO acequia_syncer;
-- Runs are forgotten after a time; a repair closes the gap that it was started for.
GRANT DELETE ON sync_runs, sync_run_streams, sync_schedules, completeness_findings, gaps TO acequia_syncer;
-- A tenant's erasure is the worker's.
GRANT SELECT, DELETE ON sync_runs, sync_run_streams, sync_streams, sync_schedules, listing_marks, completeness_days,
    completeness_findings TO acequia_worker;
GRANT SELECT ON sync_runs, sync_run_streams, sync_streams, sync_schedules, completeness_days, completeness_findings
    TO acequia_web, acequia_operator;
GRANT INSERT, UPDATE ON sync_runs, sync_run_streams TO acequia_web, acequia_operator;
