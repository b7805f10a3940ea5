-- insert_deliveries [worker]: in the transaction of what they tell, or neither happened.
INSERT INTO alert_deliveries (tenant_id, delivery_id, alert_id, channel_id, occasion, created_at, due_at)
SELECT $1, n.delivery_id, $2, n.channel_id, $3, now(), now()
FROM unnest($4::uuid[], $5::uuid[]) AS n (delivery_id, channel_id);

-- claim_delivery [worker]: the oldest of a channel that is due, put ahead so that nobody else sends it. A recovery waits
-- for the message that it recovers from.
UPDATE alert_deliveries AS d SET due_at = $4, tries = d.tries + 1
WHERE d.tenant_id = $1 AND d.delivery_id = (
    SELECT w.delivery_id FROM alert_deliveries AS w
    WHERE w.tenant_id = $1 AND w.channel_id = $2 AND w.state = 'waiting' AND w.due_at <= $3
      AND NOT EXISTS (SELECT FROM alert_deliveries AS e
                      WHERE e.tenant_id = $1 AND e.channel_id = $2 AND e.state = 'waiting'
                        AND e.alert_id = w.alert_id AND e.delivery_id < w.delivery_id)
    ORDER BY w.delivery_id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING d.tenant_id, d.delivery_id, d.alert_id, d.channel_id, d.occasion, d.state, d.tries, d.created_at, d.due_at,
          d.settled_at, d.last_failure;

-- settle_delivery [worker]: sent, or given up.
UPDATE alert_deliveries AS d SET state = $3, settled_at = $4, last_failure = $5
WHERE d.tenant_id = $1 AND d.delivery_id = $2 AND d.state = 'waiting';

-- postpone_delivery [worker]: it is tried again.
UPDATE alert_deliveries AS d SET due_at = $3, last_failure = $4
WHERE d.tenant_id = $1 AND d.delivery_id = $2 AND d.state = 'waiting';

-- drop_deliveries [worker]: of a channel that is switched off or deleted.
UPDATE alert_deliveries AS d SET state = 'dropped', settled_at = $3
WHERE d.tenant_id = $1 AND d.channel_id = $2 AND d.state = 'waiting';

-- list_deliveries [web, operator]: of one alert, oldest first.
SELECT d.tenant_id, d.delivery_id, d.alert_id, d.channel_id, d.occasion, d.state, d.tries, d.created_at, d.due_at,
       d.settled_at, d.last_failure
FROM alert_deliveries AS d WHERE d.tenant_id = $1 AND d.alert_id = $2 ORDER BY d.delivery_id LIMIT $3;

-- forget_deliveries [worker]: what was settled, after its time.
DELETE FROM alert_deliveries AS d WHERE d.tenant_id = $1 AND d.state <> 'waiting' AND d.settled_at < $2;
