-- list_everybodys_open [worker, web, operator]: what is open at any tenant: platform work.
SELECT a.tenant_id, a.alert_id, a.rule, a.integration_id, a.severity, a.state, a.opened_at, a.last_seen_at, a.closed_at,
       a.closed_because, a.value, a.threshold, a.details, a.notified_at, a.repeats, a.acknowledged_by,
       a.acknowledged_at, a.snoozed_until
FROM alerts AS a WHERE a.state = 'open';

-- list_everybodys_choices [worker]: what differs from the rules' defaults: platform work.
SELECT r.tenant_id, r.rule, r.is_enabled, r.threshold FROM alert_rules AS r;

-- list_everybodys_channels [worker]: who wants to be told of what; where that goes stays where it is: platform work.
SELECT c.tenant_id, c.channel_id, c.min_severity, c.rules FROM alert_channels AS c
WHERE c.is_enabled AND c.deleted_at IS NULL
UNION ALL
SELECT p.tenant_id, p.channel_id, p.min_severity, p.rules FROM platform_alert_channels AS p
WHERE p.is_enabled AND p.deleted_at IS NULL;

-- list_due_channels [worker]: which have something to send: platform work.
SELECT n.tenant_id, n.channel_id FROM (
    SELECT d.tenant_id, d.channel_id, min(d.due_at) AS due_at FROM alert_deliveries AS d
    WHERE d.state = 'waiting' AND d.due_at <= $1 GROUP BY d.tenant_id, d.channel_id
    UNION ALL
    SELECT p.tenant_id, p.channel_id, min(p.due_at) FROM platform_alert_deliveries AS p
    WHERE p.state = 'waiting' AND p.due_at <= $1 GROUP BY p.tenant_id, p.channel_id
) AS n ORDER BY n.due_at LIMIT $2;

-- list_with_old [worker]: whose closed alerts, settled messages or deleted channels are past their time: platform work.
SELECT a.tenant_id FROM alerts AS a WHERE a.state = 'closed' AND a.closed_at < $1
UNION SELECT d.tenant_id FROM alert_deliveries AS d WHERE d.state <> 'waiting' AND d.settled_at < $1
UNION SELECT c.tenant_id FROM alert_channels AS c WHERE c.deleted_at < $1;

-- count_lost_memories [worker]: gaps that a lost memory of the queue left, and nothing has closed yet: platform work.
SELECT count(*) FROM gaps AS g WHERE g.reason = 'queue_memory_lost';
