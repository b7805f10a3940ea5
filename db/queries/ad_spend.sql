-- claim_spend_days [syncer]: whoever holds a day's row replaces it; an older observation of a day gets no row back.
INSERT INTO ad_spend_days AS held (
    tenant_id, source, account, level, day, integration_id, observed_at, mapper_version, content_hash, currency,
    time_zone)
SELECT $1, $2, $3, $4, i.day, $5, $6, $7, i.content_hash, $8, $9
FROM unnest($10::date[], $11::bytea[]) AS i (day, content_hash)
ON CONFLICT (tenant_id, source, account, level, day) DO UPDATE SET
    integration_id = EXCLUDED.integration_id,
    observed_at = EXCLUDED.observed_at,
    mapper_version = EXCLUDED.mapper_version,
    content_hash = EXCLUDED.content_hash,
    currency = EXCLUDED.currency,
    time_zone = EXCLUDED.time_zone,
    changed_at = CASE WHEN EXCLUDED.content_hash = held.content_hash THEN held.changed_at ELSE now() END
WHERE (EXCLUDED.observed_at, EXCLUDED.mapper_version, EXCLUDED.content_hash)
    > (held.observed_at, held.mapper_version, held.content_hash)
RETURNING new.day,
          old.tenant_id IS NULL OR old.content_hash <> new.content_hash OR old.integration_id <> new.integration_id
              AS is_changed;

-- delete_vanished_spend [syncer]: what the newest observation of a day does not know any more. A statement of its own:
-- one snapshot with the claim would not see what the claim waited for.
DELETE FROM ad_spend AS t
WHERE t.tenant_id = $1 AND t.source = $2 AND t.account = $3 AND t.level = $4 AND t.day = ANY ($5::date[])
  AND NOT EXISTS (
      SELECT FROM unnest($6::date[], $7::text[], $8::text[]) AS i (day, campaign_id, ad_group_id)
      WHERE i.day = t.day AND i.campaign_id = t.campaign_id AND i.ad_group_id = t.ad_group_id);

-- write_spend [syncer]: the rows of claimed days; those that are as they were are left alone. How many were written, and
-- how many of these are new.
WITH written AS (
    INSERT INTO ad_spend AS held (
        tenant_id, source, account, level, integration_id, currency, day, campaign_id, ad_group_id, campaign_name,
        ad_group_name, cost_minor, impressions, clicks, conversions_micros, value_minor)
    SELECT $1, $2, $3, $4, $5, $6, i.*
    FROM unnest(
        $7::date[], $8::text[], $9::text[], $10::text[], $11::text[], $12::bigint[], $13::bigint[], $14::bigint[],
        $15::bigint[], $16::bigint[]
    ) AS i (
        day, campaign_id, ad_group_id, campaign_name, ad_group_name, cost_minor, impressions, clicks, conversions_micros,
        value_minor)
    ON CONFLICT (tenant_id, source, account, level, day, campaign_id, ad_group_id) DO UPDATE SET
        integration_id = EXCLUDED.integration_id,
        currency = EXCLUDED.currency,
        campaign_name = EXCLUDED.campaign_name,
        ad_group_name = EXCLUDED.ad_group_name,
        cost_minor = EXCLUDED.cost_minor,
        impressions = EXCLUDED.impressions,
        clicks = EXCLUDED.clicks,
        conversions_micros = EXCLUDED.conversions_micros,
        value_minor = EXCLUDED.value_minor
    WHERE (held.integration_id, held.currency, held.campaign_name, held.ad_group_name, held.cost_minor, held.impressions,
           held.clicks, held.conversions_micros, held.value_minor)
        IS DISTINCT FROM
          (EXCLUDED.integration_id, EXCLUDED.currency, EXCLUDED.campaign_name, EXCLUDED.ad_group_name,
           EXCLUDED.cost_minor, EXCLUDED.impressions, EXCLUDED.clicks, EXCLUDED.conversions_micros, EXCLUDED.value_minor)
    RETURNING old.tenant_id IS NULL AS is_new
)
SELECT count(*), count(*) FILTER (WHERE w.is_new) FROM written AS w;

-- sum_spend [web, syncer]: what each account spent on each day; of one level, since the finer one is the same money.
SELECT t.day, t.source, t.account, t.currency,
       sum(t.cost_minor)::bigint, sum(t.impressions)::bigint, sum(t.clicks)::bigint,
       sum(t.conversions_micros)::bigint, sum(t.value_minor)::bigint
FROM ad_spend AS t
WHERE t.tenant_id = $1 AND t.level = $2 AND t.day BETWEEN $3 AND $4
GROUP BY t.day, t.source, t.account, t.currency
ORDER BY t.day, t.source, t.account, t.currency;

-- list_spend_days [web, syncer]: which days of an account are known, since when they stand, and in which zone they are.
SELECT d.day, d.integration_id, d.observed_at, d.mapper_version, d.content_hash, d.currency, d.time_zone, d.changed_at
FROM ad_spend_days AS d
WHERE d.tenant_id = $1 AND d.source = $2 AND d.account = $3 AND d.level = $4 AND d.day BETWEEN $5 AND $6
ORDER BY d.day;

-- list_spend [web, syncer]: an account's rows of some days, as they stand.
SELECT t.day, t.campaign_id, t.ad_group_id, t.campaign_name, t.ad_group_name, t.cost_minor, t.impressions, t.clicks,
       t.conversions_micros, t.value_minor
FROM ad_spend AS t
WHERE t.tenant_id = $1 AND t.source = $2 AND t.account = $3 AND t.level = $4 AND t.day BETWEEN $5 AND $6
ORDER BY t.day, t.campaign_id, t.ad_group_id;
