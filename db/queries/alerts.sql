-- open_alert [worker]: once, however many look; and not by facts that were read before it was closed.
INSERT INTO alerts (
    tenant_id, alert_id, rule, integration_id, severity, opened_at, last_seen_at, value, threshold, details, notified_at
)
SELECT $1, $2, $3, $4, $5, $6, $6, $7, $8, $9::text::jsonb, CASE WHEN $10 THEN $6::timestamptz END
WHERE NOT EXISTS (SELECT FROM alerts AS c WHERE c.tenant_id = $1 AND c.rule = $3 AND c.integration_id = $4
                  AND c.state = 'closed' AND c.closed_at >= $6)
ON CONFLICT (tenant_id, rule, integration_id) WHERE state = 'open' DO NOTHING
RETURNING alert_id;

-- see_alert [worker]: it is still so; written seldom, for the figures' sake.
UPDATE alerts AS a SET last_seen_at = $3, value = $4, threshold = $5, details = $6::text::jsonb
WHERE a.tenant_id = $1 AND a.alert_id = $2 AND a.state = 'open' AND a.last_seen_at < $3
RETURNING a.alert_id;

-- tell_alert [worker]: only from when it was seen to be told, so that of two who look one tells.
UPDATE alerts AS a
SET notified_at = $3, last_seen_at = $3, value = $4, threshold = $5, details = $6::text::jsonb,
    repeats = a.repeats + CASE WHEN a.notified_at IS NULL THEN 0 ELSE 1 END
WHERE a.tenant_id = $1 AND a.alert_id = $2 AND a.state = 'open' AND a.notified_at IS NOT DISTINCT FROM $7
  AND a.acknowledged_at IS NULL AND (a.snoozed_until IS NULL OR a.snoozed_until <= $3)
RETURNING a.alert_id;

-- close_alert [worker]: not by facts that were read before it was last seen. Whether somebody is told goes by the row.
UPDATE alerts AS a SET state = 'closed', closed_at = $3, closed_because = $4, value = coalesce($5, a.value)
WHERE a.tenant_id = $1 AND a.alert_id = $2 AND a.state = 'open' AND a.last_seen_at < $3
RETURNING a.notified_at IS NOT NULL AND (a.snoozed_until IS NULL OR a.snoozed_until <= $3) AS is_told;

-- acknowledge_alert [web, operator]: somebody looks after it: no repeats.
UPDATE alerts AS a SET acknowledged_by = $3, acknowledged_at = now()
WHERE a.tenant_id = $1 AND a.alert_id = $2 AND a.state = 'open' AND a.acknowledged_at IS NULL
RETURNING a.alert_id;

-- snooze_alert [web, operator]: no messages until then; NULL: they go on.
UPDATE alerts AS a SET snoozed_until = $3
WHERE a.tenant_id = $1 AND a.alert_id = $2 AND a.state = 'open'
RETURNING a.alert_id;

-- find_alert [web, operator, worker]: one, open or closed.
SELECT a.tenant_id, a.alert_id, a.rule, a.integration_id, a.severity, a.state, a.opened_at, a.last_seen_at, a.closed_at,
       a.closed_because, a.value, a.threshold, a.details, a.notified_at, a.repeats, a.acknowledged_by,
       a.acknowledged_at, a.snoozed_until
FROM alerts AS a WHERE a.tenant_id = $1 AND a.alert_id = $2;

-- list_alerts [web, operator]: newest first; ids are ordered by time.
SELECT a.tenant_id, a.alert_id, a.rule, a.integration_id, a.severity, a.state, a.opened_at, a.last_seen_at, a.closed_at,
       a.closed_because, a.value, a.threshold, a.details, a.notified_at, a.repeats, a.acknowledged_by,
       a.acknowledged_at, a.snoozed_until
FROM alerts AS a WHERE a.tenant_id = $1 AND a.state = ANY ($2::text[]) AND a.alert_id < $3
ORDER BY a.alert_id DESC LIMIT $4;

-- list_open_alerts [web, operator, worker]: few: one of each rule and what it is about.
SELECT a.tenant_id, a.alert_id, a.rule, a.integration_id, a.severity, a.state, a.opened_at, a.last_seen_at, a.closed_at,
       a.closed_because, a.value, a.threshold, a.details, a.notified_at, a.repeats, a.acknowledged_by,
       a.acknowledged_at, a.snoozed_until
FROM alerts AS a WHERE a.tenant_id = $1 AND a.state = 'open' ORDER BY a.alert_id DESC;

-- list_choices [web, operator, worker]: what differs from the rules' defaults.
SELECT r.rule, r.is_enabled, r.threshold FROM alert_rules AS r WHERE r.tenant_id = $1;

-- put_choice [web, operator]: a rule as somebody wants it; NULL: its default threshold.
INSERT INTO alert_rules AS r (tenant_id, rule, is_enabled, threshold) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, rule) DO UPDATE
SET is_enabled = excluded.is_enabled, threshold = excluded.threshold, updated_at = now();

-- forget_alerts [worker]: closed ones, after their time.
DELETE FROM alerts AS a WHERE a.tenant_id = $1 AND a.state = 'closed' AND a.closed_at < $2;
