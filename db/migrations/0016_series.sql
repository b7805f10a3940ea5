-- How much, how fast and how fresh, over time: by minute for two days, by hour for five weeks. Written in the transaction of
-- what it counts, so a batch that is told again counts once, as in the ledger.
--
-- `stream`: orders or customers. Events by outcome; `synced`: rows that syncs changed. `counted`: events that told of a
-- change not held before, by the provider's live calls; `late`: those of them that were not queryable in time.
-- `latency`: of all events, from acceptance to the commit; `freshness`: of the counted ones, from the change at the
-- provider to the commit. Both are counts per bucket (app/core/histogram.py), shortened behind the last one that holds any.
CREATE TABLE event_minutes (
    tenant_id  integer NOT NULL,
    minute     timestamptz NOT NULL,
    stream     text NOT NULL CHECK (stream IN ('orders', 'customers')),
    writer     text NOT NULL CHECK (writer IN ('live', 'bulk', 'api')),
    applied    integer NOT NULL,
    superseded integer NOT NULL,
    duplicate  integer NOT NULL,
    ignored    integer NOT NULL,
    dead       integer NOT NULL,
    synced     integer NOT NULL,
    counted    integer NOT NULL,
    late       integer NOT NULL,
    latency    integer[] NOT NULL,
    freshness  integer[] NOT NULL,
    PRIMARY KEY (tenant_id, minute, stream, writer)
) WITH (fillfactor = 70);

CREATE TABLE event_hours (
    tenant_id  integer NOT NULL,
    hour       timestamptz NOT NULL,
    stream     text NOT NULL CHECK (stream IN ('orders', 'customers')),
    applied    bigint NOT NULL,
    superseded bigint NOT NULL,
    duplicate  bigint NOT NULL,
    ignored    bigint NOT NULL,
    dead       bigint NOT NULL,
    synced     bigint NOT NULL,
    counted    bigint NOT NULL,
    late       bigint NOT NULL,
    latency    bigint[] NOT NULL,
    freshness  bigint[] NOT NULL,
    PRIMARY KEY (tenant_id, hour, stream) INCLUDE (counted, late)
);

-- What the long windows of the freshness objective hold, as of the last rolling up: since the month began (UTC), over six
-- hours and over three days.
CREATE TABLE objective_states (
    tenant_id     integer NOT NULL PRIMARY KEY,
    as_of         timestamptz NOT NULL,
    month         date NOT NULL,
    month_counted bigint NOT NULL,
    month_late    bigint NOT NULL,
    h6_counted    bigint NOT NULL,
    h6_late       bigint NOT NULL,
    d3_counted    bigint NOT NULL,
    d3_late       bigint NOT NULL
) WITH (fillfactor = 70);

-- The objective as it is put down with the other figures of a tenant; NULL: it has none.
ALTER TABLE tenant_snapshots
    ADD COLUMN objective_percent double precision,
    ADD COLUMN month_counted bigint NOT NULL DEFAULT 0,
    ADD COLUMN month_late bigint NOT NULL DEFAULT 0,
    ADD COLUMN burn text CHECK (burn IN ('fast', 'slow'));

-- Dead letters are counted row by row: triggers of statements ran with every batch (nearly a millisecond of it), though
-- hardly any makes one. What an erasure deletes is not counted away: the counts go with it.
DROP TRIGGER count_made ON dead_letters;
DROP TRIGGER count_changed ON dead_letters;
DROP TRIGGER count_gone ON dead_letters;
CREATE OR REPLACE FUNCTION security.count_dead_letters() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.dead_letter_counts AS c (tenant_id, writer, waiting)
    VALUES (NEW.tenant_id, current_user, CASE WHEN NEW.status = 'waiting' THEN 1 ELSE -1 END)
    ON CONFLICT (tenant_id, writer) DO UPDATE SET waiting = c.waiting + EXCLUDED.waiting;
    RETURN NULL;
END $$;
CREATE TRIGGER count_made AFTER INSERT ON dead_letters
    FOR EACH ROW WHEN (NEW.status = 'waiting') EXECUTE FUNCTION security.count_dead_letters();
CREATE TRIGGER count_changed AFTER UPDATE OF status ON dead_letters
    FOR EACH ROW WHEN ((OLD.status = 'waiting') <> (NEW.status = 'waiting')) EXECUTE FUNCTION security.count_dead_letters();

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['event_minutes', 'event_hours', 'objective_states'] LOOP
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format(
            'CREATE POLICY of_tenant ON public.%I USING (tenant_id = (SELECT security.current_tenant_id())) '
            'WITH CHECK (tenant_id = (SELECT security.current_tenant_id()))', table_name);
        -- Rolled up and judged for all tenants at once.
        EXECUTE format(
            'CREATE POLICY of_platform ON public.%I USING ((SELECT security.is_platform())) '
            'WITH CHECK ((SELECT security.is_platform()))', table_name);
    END LOOP;
END $$;

GRANT SELECT, INSERT, UPDATE, DELETE ON event_minutes, event_hours, objective_states TO acequia_worker;
GRANT SELECT, INSERT, UPDATE ON event_minutes TO acequia_syncer;
GRANT SELECT ON event_minutes, event_hours, objective_states TO acequia_web, acequia_operator;
