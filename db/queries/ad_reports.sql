-- sum_orders_by_day [web]: what was ordered on each of some days, which begin at $3. Sources and accounts that hold rows
-- are few, and each one's days are a range of its index by creation; over the whole tenant at once there is none.
WITH RECURSIVE places AS (
    (SELECT o.source, o.account FROM orders AS o WHERE o.tenant_id = $1
     ORDER BY o.source, o.account LIMIT 1)
    UNION ALL
    SELECT n.source, n.account FROM places AS p CROSS JOIN LATERAL (
        SELECT o.source, o.account FROM orders AS o
        WHERE o.tenant_id = $1 AND (o.source, o.account) > (p.source, p.account)
        ORDER BY o.source, o.account LIMIT 1
    ) AS n
)
SELECT ($2::date[])[h.number] AS day, p.source, p.account, h.currency, h.orders, h.revenue_minor, h.without_total, h.canceled, h.canceled_minor,
       h.replaced
FROM places AS p
CROSS JOIN LATERAL (
    SELECT width_bucket(o.source_created_at, $3::timestamptz[]) AS number, o.currency,
           count(*) FILTER (WHERE o.status_class NOT IN ('canceled', 'replaced')) AS orders,
           coalesce(sum(o.total_minor) FILTER (WHERE o.status_class NOT IN ('canceled', 'replaced')), 0)
               AS revenue_minor,
           count(*) FILTER (WHERE o.status_class NOT IN ('canceled', 'replaced') AND o.total_minor IS NULL)
               AS without_total,
           count(*) FILTER (WHERE o.status_class = 'canceled') AS canceled,
           coalesce(sum(o.total_minor) FILTER (WHERE o.status_class = 'canceled'), 0) AS canceled_minor,
           count(*) FILTER (WHERE o.status_class = 'replaced') AS replaced
    FROM orders AS o
    WHERE o.tenant_id = $1 AND o.source = p.source AND o.account = p.account
      AND o.source_created_at >= ($3::timestamptz[])[1] AND o.source_created_at < $4 AND o.deleted_at IS NULL
    GROUP BY width_bucket(o.source_created_at, $3::timestamptz[]), o.currency
) AS h
ORDER BY h.number, p.source, p.account, h.currency;

-- list_known_spend_days [web]: which days of all accounts were looked at, also those on which nothing was spent.
SELECT d.source, d.account, d.day, d.currency, d.time_zone
FROM ad_spend_days AS d
WHERE d.tenant_id = $1 AND d.level = 'campaign' AND d.day BETWEEN $2 AND $3
ORDER BY d.source, d.account, d.day;

-- sum_spend_by_campaign [web]: the days of each campaign together, under its last name; the dearest first.
SELECT t.source, t.account, t.currency, t.campaign_id, (array_agg(t.campaign_name ORDER BY t.day DESC))[1],
       sum(t.cost_minor), sum(t.impressions), sum(t.clicks), sum(t.conversions_micros), sum(t.value_minor)
FROM ad_spend AS t
WHERE t.tenant_id = $1 AND t.level = 'campaign' AND t.day BETWEEN $2 AND $3
GROUP BY t.source, t.account, t.campaign_id, t.currency
ORDER BY sum(t.cost_minor) DESC, t.source, t.account, t.campaign_id, t.currency LIMIT $4;
