-- The ledger's days come and go by one function, owned by a role that owns the ledger and nothing else, so that no
-- process needs the right to create or drop a table.

GRANT USAGE, CREATE ON SCHEMA public TO acequia_ledger;
GRANT USAGE ON SCHEMA security TO acequia_ledger;
GRANT CREATE ON SCHEMA security TO acequia_ledger;

ALTER TABLE events OWNER TO acequia_ledger;
ALTER TABLE events_default OWNER TO acequia_ledger;

-- Creates the days from yesterday to `days_ahead` from today, drops those older than `days_kept`; says what it did.
-- A partition read by its own name does not apply its parent's policy: each gets its own and no grants.
-- A day whose rows already lie in events_default cannot be attached any more: it stays there, with a warning.
CREATE FUNCTION security.keep_event_partitions(days_ahead pg_catalog.int4, days_kept pg_catalog.int4)
RETURNS SETOF pg_catalog.text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '3s' AS $$
DECLARE
    today date := (pg_catalog.now() AT TIME ZONE 'UTC')::date;
    day   date;
    child text;
BEGIN
    IF days_ahead NOT BETWEEN 1 AND 60 OR days_kept NOT BETWEEN 2 AND 3650 THEN
        RAISE EXCEPTION 'days_ahead must be 1 to 60 and days_kept 2 to 3650' USING ERRCODE = '22023';
    END IF;
    FOR offset_days IN -1 .. days_ahead LOOP
        day := today + offset_days;
        child := 'events_' || pg_catalog.to_char(day, 'YYYYMMDD');
        CONTINUE WHEN pg_catalog.to_regclass('public.' || child) IS NOT NULL;
        BEGIN
            EXECUTE pg_catalog.format('CREATE TABLE public.%I (LIKE public.events INCLUDING ALL)', child);
            EXECUTE pg_catalog.format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', child);
            EXECUTE pg_catalog.format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', child);
            EXECUTE pg_catalog.format(
                'CREATE POLICY of_tenant ON public.%I USING (tenant_id = (SELECT security.current_tenant_id())) '
                'WITH CHECK (tenant_id = (SELECT security.current_tenant_id()))', child);
            EXECUTE pg_catalog.format('ALTER TABLE public.events ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                                      child, day, day + 1);
            RETURN NEXT 'created ' || child;
        EXCEPTION WHEN check_violation THEN
            RAISE WARNING '% stays in events_default, which already holds rows of it', day;
        END;
    END LOOP;
    FOR child IN
        SELECT c.relname FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'public.events'::pg_catalog.regclass AND c.relname ~ '^events_[0-9]{8}$'
          AND pg_catalog.right(c.relname, 8) < pg_catalog.to_char(today - days_kept, 'YYYYMMDD')
        ORDER BY c.relname
    LOOP
        EXECUTE pg_catalog.format('DROP TABLE public.%I', child);
        RETURN NEXT 'dropped ' || child;
    END LOOP;
END $$;

REVOKE ALL ON FUNCTION security.keep_event_partitions(integer, integer) FROM PUBLIC;
ALTER FUNCTION security.keep_event_partitions(integer, integer) OWNER TO acequia_ledger;
REVOKE CREATE ON SCHEMA security FROM acequia_ledger;

SELECT security.keep_event_partitions(7, 30);
