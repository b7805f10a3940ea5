-- insert_waiting [worker, syncer]: sorted by key, as every batch's rows; the first pointer stands.
INSERT INTO waiting_customers (tenant_id, source, account, external_id, integration_id, form)
SELECT $1, k.* FROM unnest($2::text[], $3::text[], $4::text[], $5::integer[], $6::text[]) AS k
ON CONFLICT DO NOTHING
RETURNING integration_id;

-- find_waiting [worker, syncer]: which of a batch's customers wait; OFFSET 0 keeps it at one probe per key.
SELECT k.n FROM unnest($2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS k (source, account, external_id, n)
CROSS JOIN LATERAL (
    SELECT FROM waiting_customers AS w
    WHERE w.tenant_id = $1 AND w.source = k.source AND w.account = k.account AND w.external_id = k.external_id
    OFFSET 0
) AS h ORDER BY k.n;

-- delete_waiting [worker, syncer]: one exact key at a time, in their order, so that two batches cannot lock each other.
DELETE FROM waiting_customers AS w
WHERE w.tenant_id = $1 AND w.source = $2 AND w.account = $3 AND w.external_id = $4
RETURNING 1;

-- ask_waiting [worker]: the longest waiting first, of those that were not asked for since a time.
UPDATE waiting_customers AS w SET asked_at = now()
FROM (
    SELECT o.source, o.account, o.external_id FROM waiting_customers AS o
    WHERE o.tenant_id = $1 AND o.form = 'hint' AND (o.asked_at IS NULL OR o.asked_at < $2)
    ORDER BY o.waiting_since, o.source, o.account, o.external_id LIMIT $3
) AS d
WHERE w.tenant_id = $1 AND w.source = d.source AND w.account = d.account AND w.external_id = d.external_id
RETURNING w.source, w.account, w.external_id, w.integration_id;

-- ask_overtaken [worker]: whoever was stored by another batch while a limit kept a newer state of them out.
UPDATE waiting_customers AS w SET asked_at = now()
FROM (
    SELECT o.source, o.account, o.external_id FROM waiting_customers AS o
    WHERE o.tenant_id = $1 AND o.form = 'hint' AND (o.asked_at IS NULL OR o.asked_at < $2)
      AND o.waiting_since > now() - interval '1 hour'
      AND EXISTS (
        SELECT FROM customers AS c
        WHERE c.tenant_id = $1 AND c.source = o.source AND c.account = o.account AND c.external_id = o.external_id
          AND c.deleted_at IS NULL)
    ORDER BY o.waiting_since, o.source, o.account, o.external_id LIMIT $3
) AS d
WHERE w.tenant_id = $1 AND w.source = d.source AND w.account = d.account AND w.external_id = d.external_id
RETURNING w.source, w.account, w.external_id, w.integration_id;

-- count_asked [worker]: who has been asked for since a time and is not stored yet: their room is spoken for.
SELECT count(*) FROM waiting_customers AS w WHERE w.tenant_id = $1 AND w.asked_at >= $2;

-- drop_inline_waiting [worker]: their documents lay in dead letters; when none is open there is nothing to wait for.
DELETE FROM waiting_customers AS w
WHERE w.tenant_id = $1 AND w.form = 'inline' AND NOT EXISTS (
    SELECT FROM dead_letters AS l
    WHERE l.tenant_id = $1 AND l.reason IN ('customer_limit', 'storage_limit') AND l.status IN ('waiting', 'replaying'))
RETURNING 1;
