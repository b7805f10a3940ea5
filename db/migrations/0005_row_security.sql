-- Row-level security on every table, forced so that the owner is held to it too. No policy names a role: plans that
-- depend on the role have leaked rows before (CVE-2026-14666).

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'tenants', 'tenant_integrations', 'endpoints', 'customers', 'customer_identities', 'orders', 'order_items',
        'order_identities', 'events', 'events_default', 'event_day_totals', 'dead_letters', 'counters', 'gaps'
    ] LOOP
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format(
            'CREATE POLICY of_tenant ON public.%I USING (tenant_id = (SELECT security.current_tenant_id())) '
            'WITH CHECK (tenant_id = (SELECT security.current_tenant_id()))', table_name);
    END LOOP;

    -- What platform work may also change: no personal data in any of these.
    FOREACH table_name IN ARRAY ARRAY['organizations', 'tenants', 'tenant_slugs', 'gaps', 'queue_ticks'] LOOP
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format(
            'CREATE POLICY of_platform ON public.%I USING ((SELECT security.is_platform())) '
            'WITH CHECK ((SELECT security.is_platform()))', table_name);
    END LOOP;

    -- What it may only read.
    FOREACH table_name IN ARRAY ARRAY['tenant_integrations', 'endpoints', 'counters', 'event_day_totals'] LOOP
        EXECUTE format('CREATE POLICY of_platform ON public.%I FOR SELECT USING ((SELECT security.is_platform()))',
                       table_name);
    END LOOP;
END $$;
