-- By what each tenant is judged: once a minute its figures are put down, so that nobody who looks at all tenants has to
-- reckon them, and dead letters are counted where they are made.

-- How many dead letters wait, by tenant and process role: whoever changes the table adds to a row of its own, as with
-- counters, so that a drain never waits for somebody who replays. Its sealed bodies keep dead_letters from platform work.
CREATE TABLE dead_letter_counts (
    tenant_id integer NOT NULL,
    writer    text NOT NULL,
    waiting   bigint NOT NULL,
    PRIMARY KEY (tenant_id, writer)
) WITH (fillfactor = 50);

CREATE FUNCTION security.count_dead_letters() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.dead_letter_counts AS c (tenant_id, writer, waiting)
        SELECT m.tenant_id, current_user, pg_catalog.count(*) FROM made AS m
        WHERE m.status = 'waiting' GROUP BY m.tenant_id ORDER BY m.tenant_id
        ON CONFLICT (tenant_id, writer) DO UPDATE SET waiting = c.waiting + EXCLUDED.waiting;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO public.dead_letter_counts AS c (tenant_id, writer, waiting)
        SELECT d.tenant_id, current_user, pg_catalog.sum(d.change) FROM (
            SELECT m.tenant_id, 1 AS change FROM made AS m WHERE m.status = 'waiting'
            UNION ALL SELECT g.tenant_id, -1 FROM gone AS g WHERE g.status = 'waiting'
        ) AS d GROUP BY d.tenant_id HAVING pg_catalog.sum(d.change) <> 0 ORDER BY d.tenant_id
        ON CONFLICT (tenant_id, writer) DO UPDATE SET waiting = c.waiting + EXCLUDED.waiting;
    ELSE
        INSERT INTO public.dead_letter_counts AS c (tenant_id, writer, waiting)
        SELECT g.tenant_id, current_user, -pg_catalog.count(*) FROM gone AS g
        WHERE g.status = 'waiting' GROUP BY g.tenant_id ORDER BY g.tenant_id
        ON CONFLICT (tenant_id, writer) DO UPDATE SET waiting = c.waiting + EXCLUDED.waiting;
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION security.count_dead_letters() FROM PUBLIC;
CREATE TRIGGER count_made AFTER INSERT ON dead_letters REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION security.count_dead_letters();
CREATE TRIGGER count_changed AFTER UPDATE ON dead_letters REFERENCING OLD TABLE AS gone NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION security.count_dead_letters();
CREATE TRIGGER count_gone AFTER DELETE ON dead_letters REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION security.count_dead_letters();

-- What is there already. The owner is held to row security too, but for this statement.
ALTER TABLE dead_letters NO FORCE ROW LEVEL SECURITY;
INSERT INTO dead_letter_counts (tenant_id, writer, waiting)
SELECT l.tenant_id, 'acequia_worker', count(*) FROM dead_letters AS l WHERE l.status = 'waiting' GROUP BY l.tenant_id;
ALTER TABLE dead_letters FORCE ROW LEVEL SECURITY;

-- One row a tenant: its facts (app/services/tenant_facts.py) as they were at `taken_at`.
CREATE TABLE tenant_snapshots (
    tenant_id            integer NOT NULL PRIMARY KEY,
    taken_at             timestamptz NOT NULL,
    health               text NOT NULL CHECK (health IN ('healthy', 'warning', 'critical', 'paused', 'unknown')),
    worst_integration_id integer,
    integrations         integer NOT NULL,
    customers            bigint NOT NULL,
    customers_max        bigint NOT NULL,
    customers_waiting    bigint NOT NULL,
    stored_bytes         bigint NOT NULL,
    storage_bytes_max    bigint NOT NULL,
    api_calls_today      bigint NOT NULL,
    api_calls_day_max    bigint NOT NULL,
    waiting              bigint NOT NULL,
    oldest_s             double precision,
    dead_waiting         bigint NOT NULL,
    dead_recently        bigint NOT NULL,
    events_recently      bigint NOT NULL,
    freshness_p50_ms     double precision,
    freshness_p99_ms     double precision
) WITH (fillfactor = 50);

-- One row an integration that is not deleted. `rule`: by what its lateness is judged (app/services/health.py): its age, its
-- schedule, or nothing. `due_at`: by when, after `last_sync_at`, it should be current again.
CREATE TABLE integration_snapshots (
    tenant_id      integer NOT NULL,
    integration_id integer NOT NULL,
    taken_at       timestamptz NOT NULL,
    health         text NOT NULL CHECK (health IN ('healthy', 'warning', 'critical', 'paused', 'unknown')),
    rule           text NOT NULL CHECK (rule IN ('age', 'schedule', 'none')),
    is_syncing     boolean NOT NULL,
    last_sync_at   timestamptz,
    due_at         timestamptz,
    PRIMARY KEY (tenant_id, integration_id)
) WITH (fillfactor = 50);

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['dead_letter_counts', 'tenant_snapshots', 'integration_snapshots'] LOOP
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format(
            'CREATE POLICY of_tenant ON public.%I USING (tenant_id = (SELECT security.current_tenant_id())) '
            'WITH CHECK (tenant_id = (SELECT security.current_tenant_id()))', table_name);
    END LOOP;
    EXECUTE 'CREATE POLICY of_platform ON public.dead_letter_counts FOR SELECT USING ((SELECT security.is_platform()))';
    -- All tenants' are written at once.
    FOREACH table_name IN ARRAY ARRAY['tenant_snapshots', 'integration_snapshots'] LOOP
        EXECUTE format(
            'CREATE POLICY of_platform ON public.%I USING ((SELECT security.is_platform())) '
            'WITH CHECK ((SELECT security.is_platform()))', table_name);
    END LOOP;
END $$;

GRANT SELECT, INSERT, UPDATE ON dead_letter_counts TO acequia_worker, acequia_web, acequia_operator;
GRANT DELETE ON dead_letter_counts TO acequia_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON tenant_snapshots, integration_snapshots TO acequia_worker;
GRANT SELECT ON tenant_snapshots, integration_snapshots TO acequia_web, acequia_operator;

-- The document's view. Its joins made one row for each pair of a customer and an integration, counted that many customers,
-- and called a tenant by each of its integrations in turn. Here a tenant is one row: customers from their counters, the
-- health of its worst integration, which is named. When a schedule is due cannot be said in SQL (cron, jitter, time
-- zones): that one moment comes from the snapshot; what was current since then is due after that.
CREATE VIEW tenant_health WITH (security_invoker = true) AS
WITH current AS (
    SELECT a.tenant_id, a.integration_id, max(a.last_synced_at) AS last_sync
    FROM integration_activity AS a GROUP BY a.tenant_id, a.integration_id
), late AS (
    SELECT i.tenant_id, i.integration_id, c.last_sync, s.is_syncing, s.rule, i.status,
           now() - coalesce(c.last_sync, i.created_at) AS age,
           CASE WHEN s.rule = 'schedule' THEN now() - greatest(s.due_at, c.last_sync)
                ELSE now() - coalesce(c.last_sync, i.created_at) END AS late
    FROM tenant_integrations AS i
    LEFT JOIN current AS c ON c.tenant_id = i.tenant_id AND c.integration_id = i.integration_id
    LEFT JOIN integration_snapshots AS s ON s.tenant_id = i.tenant_id AND s.integration_id = i.integration_id
    WHERE i.status <> 'deleted'
), judged AS (
    SELECT l.tenant_id, l.integration_id, l.last_sync,
           CASE WHEN t.status <> 'active' OR l.status = 'paused' THEN 'paused'
                WHEN l.status = 'credentials_refused' THEN 'critical'
                WHEN l.last_sync IS NULL AND (l.is_syncing OR l.rule = 'none' OR l.late <= interval '2 hours') THEN 'unknown'
                WHEN l.rule = 'none' THEN CASE WHEN l.age <= interval '1 day' THEN 'healthy' ELSE 'unknown' END
                WHEN l.late <= interval '2 hours' THEN 'healthy'
                WHEN l.late <= interval '1 day' THEN 'warning'
                ELSE 'critical' END AS health
    FROM late AS l JOIN tenants AS t ON t.tenant_id = l.tenant_id
), worst AS (
    SELECT DISTINCT ON (j.tenant_id) j.tenant_id, j.integration_id, j.last_sync, j.health
    FROM judged AS j
    ORDER BY j.tenant_id, array_position('{critical,warning,unknown,healthy,paused}'::text[], j.health),
             j.last_sync NULLS FIRST, j.integration_id
)
SELECT t.tenant_id AS id, t.name, coalesce(n.customers, 0)::bigint AS customer_count, w.last_sync,
       coalesce(w.health, 'unknown') AS health_status, w.integration_id AS worst_integration_id
FROM tenants AS t
LEFT JOIN worst AS w ON w.tenant_id = t.tenant_id
LEFT JOIN (
    SELECT c.tenant_id, sum(c.value) AS customers FROM counters AS c WHERE c.name = 'customers' GROUP BY c.tenant_id
) AS n ON n.tenant_id = t.tenant_id
WHERE t.status <> 'deleted';

GRANT SELECT ON tenant_health TO acequia_worker, acequia_web, acequia_operator;
