-- find_order_states [syncer]: what a list could tell of these orders; OFFSET 0 as in find_held_customers.
SELECT k.external_id, h.*
FROM unnest($4::text[]) AS k (external_id)
CROSS JOIN LATERAL (
    SELECT o.source_updated_at, o.observed_at, o.deleted_at IS NOT NULL AS is_deleted, o.source_created_at, o.status,
           o.status_class, o.total_minor, o.authorized_at, o.invoiced_at, o.has_workflow_error
    FROM orders AS o
    WHERE o.tenant_id = $1 AND o.source = $2 AND o.account = $3 AND o.external_id = k.external_id
    OFFSET 0
) AS h;

-- find_customer_states [syncer]: the same of customers.
SELECT k.external_id, h.*
FROM unnest($4::text[]) AS k (external_id)
CROSS JOIN LATERAL (
    SELECT c.source_updated_at, c.observed_at, c.deleted_at IS NOT NULL AS is_deleted, c.source_created_at
    FROM customers AS c
    WHERE c.tenant_id = $1 AND c.source = $2 AND c.account = $3 AND c.external_id = k.external_id
    OFFSET 0
) AS h;

-- list_order_states [syncer]: what is held of a time of creation, tombstones left out.
SELECT o.external_id, o.source_updated_at, o.observed_at, false AS is_deleted, o.source_created_at, o.status,
       o.status_class, o.total_minor, o.authorized_at, o.invoiced_at, o.has_workflow_error
FROM orders AS o
WHERE o.tenant_id = $1 AND o.source = $2 AND o.account = $3 AND o.source_created_at >= $4 AND o.source_created_at < $5
  AND o.deleted_at IS NULL LIMIT $6;

-- list_customer_states [syncer]: the same of customers.
SELECT c.external_id, c.source_updated_at, c.observed_at, false AS is_deleted, c.source_created_at
FROM customers AS c
WHERE c.tenant_id = $1 AND c.source = $2 AND c.account = $3 AND c.source_created_at >= $4 AND c.source_created_at < $5
  AND c.deleted_at IS NULL LIMIT $6;

-- count_order_states [syncer]: once at the beginning of a repair, which will read them all anyway.
SELECT count(*) FROM orders AS o
WHERE o.tenant_id = $1 AND o.source = $2 AND o.account = $3 AND o.source_created_at >= $4 AND o.source_created_at < $5
  AND o.deleted_at IS NULL;

-- count_customer_states [syncer]: the same of customers.
SELECT count(*) FROM customers AS c
WHERE c.tenant_id = $1 AND c.source = $2 AND c.account = $3 AND c.source_created_at >= $4 AND c.source_created_at < $5
  AND c.deleted_at IS NULL;
