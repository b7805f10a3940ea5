-- What advertising cost and brought, by day. Nothing here is personal: names of campaigns, and figures.
--
-- Platforms change figures after the fact, so a window of days is read again and again, and each day of it is replaced
-- whole. A day is the unit: it has one version, and its rows are exactly those of its newest observation.

-- One row for each day that was looked at, also one without a row in ad_spend: nothing was spent on it, and that is
-- known. `level`: campaign, all of the account's spend; ad_group, a part of the same money again, in finer rows (some
-- campaigns have no ad groups): never add one to the other. `day` is the account's own, in `time_zone` where it is known.
-- Its version is (observed_at, mapper_version, content_hash): platforms give no stamp of a change, so the time of the
-- observation takes its place. `changed_at`: when the figures last became others.
CREATE TABLE ad_spend_days (
    tenant_id      integer NOT NULL,
    source         text COLLATE "C" NOT NULL,
    account        text COLLATE "C" NOT NULL,
    level          text COLLATE "C" NOT NULL CHECK (level IN ('campaign', 'ad_group')),
    day            date NOT NULL,
    integration_id integer NOT NULL,
    observed_at    timestamptz NOT NULL,
    mapper_version integer NOT NULL,
    content_hash   bytea NOT NULL,
    currency       text NOT NULL,
    time_zone      text,
    changed_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, source, account, level, day)
) WITH (fillfactor = 70);

-- `ad_group_id`: '' on level campaign; Facebook calls it an ad set. `conversions_micros`: millionths, as platforms count
-- parts of conversions. `value_minor`: what conversions were worth, as the platform says.
CREATE TABLE ad_spend (
    tenant_id          integer NOT NULL,
    source             text COLLATE "C" NOT NULL,
    account            text COLLATE "C" NOT NULL,
    level              text COLLATE "C" NOT NULL CHECK (level IN ('campaign', 'ad_group')),
    day                date NOT NULL,
    campaign_id        text COLLATE "C" NOT NULL,
    ad_group_id        text COLLATE "C" NOT NULL DEFAULT '',
    integration_id     integer NOT NULL,
    cost_minor         bigint NOT NULL,
    impressions        bigint NOT NULL,
    clicks             bigint NOT NULL,
    conversions_micros bigint NOT NULL,
    value_minor        bigint NOT NULL,
    currency           text NOT NULL,
    campaign_name      text,
    ad_group_name      text,
    PRIMARY KEY (tenant_id, source, account, level, day, campaign_id, ad_group_id),
    CHECK ((level = 'campaign') = (ad_group_id = ''))
) WITH (fillfactor = 80);
-- A report asks for days of all accounts.
CREATE INDEX ad_spend_by_day ON ad_spend (tenant_id, level, day);

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['ad_spend_days', 'ad_spend'] LOOP
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format(
            'CREATE POLICY of_tenant ON public.%I USING (tenant_id = (SELECT security.current_tenant_id())) '
            'WITH CHECK (tenant_id = (SELECT security.current_tenant_id()))', table_name);
    END LOOP;
END $$;

GRANT SELECT, INSERT, UPDATE ON ad_spend_days TO acequia_syncer;
GRANT SELECT, INSERT, UPDATE, DELETE ON ad_spend TO acequia_syncer;
-- A tenant's erasure is the worker's.
GRANT SELECT, DELETE ON ad_spend_days, ad_spend TO acequia_worker;
GRANT SELECT ON ad_spend_days, ad_spend TO acequia_web;
