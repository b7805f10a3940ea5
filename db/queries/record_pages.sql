-- read_page_time [web]: when this page's transaction began, on the clock that writes updated_at.
SELECT now();

-- page_customers_by_change [web]: the feed: what changed after a place in it, tombstones too. Keys alone: the index has
-- all of them, and whole rows are read by key then.
SELECT c.updated_at, c.source, c.account, c.external_id FROM customers AS c
WHERE c.tenant_id = $1 AND (c.updated_at, c.source, c.account, c.external_id) > ($2, $3, $4, $5)
ORDER BY c.updated_at, c.source, c.account, c.external_id LIMIT $6;

-- page_orders_by_change [web]: as page_customers_by_change.
SELECT o.updated_at, o.source, o.account, o.external_id FROM orders AS o
WHERE o.tenant_id = $1 AND (o.updated_at, o.source, o.account, o.external_id) > ($2, $3, $4, $5)
ORDER BY o.updated_at, o.source, o.account, o.external_id LIMIT $6;

-- page_orders_by_status [web]: the same of one status, which has an index of its own.
SELECT o.updated_at, o.source, o.account, o.external_id FROM orders AS o
WHERE o.tenant_id = $1 AND o.status = $7
  AND (o.updated_at, o.source, o.account, o.external_id) > ($2, $3, $4, $5)
ORDER BY o.updated_at, o.source, o.account, o.external_id LIMIT $6;

-- page_customers_newest [web]: the same backwards, for people: what changed last comes first.
SELECT c.updated_at, c.source, c.account, c.external_id FROM customers AS c
WHERE c.tenant_id = $1 AND (c.updated_at, c.source, c.account, c.external_id) < ($2, $3, $4, $5)
ORDER BY c.updated_at DESC, c.source DESC, c.account DESC, c.external_id DESC LIMIT $6;

-- page_orders_newest [web]: as page_customers_newest.
SELECT o.updated_at, o.source, o.account, o.external_id FROM orders AS o
WHERE o.tenant_id = $1 AND (o.updated_at, o.source, o.account, o.external_id) < ($2, $3, $4, $5)
ORDER BY o.updated_at DESC, o.source DESC, o.account DESC, o.external_id DESC LIMIT $6;

-- page_orders_newest_by_status [web]: the same of one status.
SELECT o.updated_at, o.source, o.account, o.external_id FROM orders AS o
WHERE o.tenant_id = $1 AND o.status = $7
  AND (o.updated_at, o.source, o.account, o.external_id) < ($2, $3, $4, $5)
ORDER BY o.updated_at DESC, o.source DESC, o.account DESC, o.external_id DESC LIMIT $6;

-- page_customers_by_external_id [web]: one id at every source and account that holds rows: these are few, and each is
-- found by one probe of the key's index, which an id alone cannot use.
WITH RECURSIVE places AS (
    (SELECT c.source, c.account FROM customers AS c WHERE c.tenant_id = $1 AND (c.source, c.account) > ($3, $4)
     ORDER BY c.source, c.account LIMIT 1)
    UNION ALL
    SELECT n.source, n.account FROM places AS p CROSS JOIN LATERAL (
        SELECT c.source, c.account FROM customers AS c
        WHERE c.tenant_id = $1 AND (c.source, c.account) > (p.source, p.account)
        ORDER BY c.source, c.account LIMIT 1
    ) AS n
)
SELECT h.source, h.account, h.external_id
FROM (SELECT p.source, p.account FROM places AS p LIMIT $8) AS p
CROSS JOIN LATERAL (
    SELECT c.source, c.account, c.external_id FROM customers AS c
    WHERE c.tenant_id = $1 AND c.source = p.source AND c.account = p.account AND c.external_id = $2
    OFFSET 0
) AS h
WHERE ($6::text IS NULL OR h.source = $6) AND ($7::text IS NULL OR h.account = $7)
ORDER BY h.source, h.account LIMIT $5;

-- page_orders_by_external_id [web]: as page_customers_by_external_id.
WITH RECURSIVE places AS (
    (SELECT o.source, o.account FROM orders AS o WHERE o.tenant_id = $1 AND (o.source, o.account) > ($3, $4)
     ORDER BY o.source, o.account LIMIT 1)
    UNION ALL
    SELECT n.source, n.account FROM places AS p CROSS JOIN LATERAL (
        SELECT o.source, o.account FROM orders AS o
        WHERE o.tenant_id = $1 AND (o.source, o.account) > (p.source, p.account)
        ORDER BY o.source, o.account LIMIT 1
    ) AS n
)
SELECT h.source, h.account, h.external_id
FROM (SELECT p.source, p.account FROM places AS p LIMIT $8) AS p
CROSS JOIN LATERAL (
    SELECT o.source, o.account, o.external_id FROM orders AS o
    WHERE o.tenant_id = $1 AND o.source = p.source AND o.account = p.account AND o.external_id = $2
    OFFSET 0
) AS h
WHERE ($6::text IS NULL OR h.source = $6) AND ($7::text IS NULL OR h.account = $7)
ORDER BY h.source, h.account LIMIT $5;

-- page_customers_by_identities [web]: who has any of some e-mails, phones, documents or profile ids. Each is walked in
-- the order of the key, and no further than the page.
SELECT DISTINCT h.source, h.account, h.external_id
FROM unnest($2::text[], $3::integer[], $4::bytea[]) AS k (kind, key_version, blind_index)
CROSS JOIN LATERAL (
    SELECT i.source, i.account, i.external_id FROM customer_identities AS i
    WHERE i.tenant_id = $1 AND i.kind = k.kind AND i.key_version = k.key_version AND i.blind_index = k.blind_index
      AND (i.source, i.account, i.external_id) > ($5, $6, $7)
    ORDER BY i.source, i.account, i.external_id LIMIT $8
) AS h
ORDER BY h.source, h.account, h.external_id LIMIT $8;

-- page_orders_by_identities [web]: as page_customers_by_identities: who bought with any of them.
SELECT DISTINCT h.source, h.account, h.external_id
FROM unnest($2::text[], $3::integer[], $4::bytea[]) AS k (kind, key_version, blind_index)
CROSS JOIN LATERAL (
    SELECT i.source, i.account, i.external_id FROM order_identities AS i
    WHERE i.tenant_id = $1 AND i.kind = k.kind AND i.key_version = k.key_version AND i.blind_index = k.blind_index
      AND (i.source, i.account, i.external_id) > ($5, $6, $7)
    ORDER BY i.source, i.account, i.external_id LIMIT $8
) AS h
ORDER BY h.source, h.account, h.external_id LIMIT $8;

-- list_orders_identities [web]: what the buyers of some orders are known by, to find the profiles that share it.
SELECT h.identities
FROM unnest($2::text[], $3::text[], $4::text[]) AS k (source, account, external_id)
CROSS JOIN LATERAL (
    SELECT o.identities FROM orders AS o
    WHERE o.tenant_id = $1 AND o.source = k.source AND o.account = k.account AND o.external_id = k.external_id
    OFFSET 0
) AS h;

-- list_customers_identities [web]: what some profiles are known by, to find the orders that share it.
SELECT h.identities
FROM unnest($2::text[], $3::text[], $4::text[]) AS k (source, account, external_id)
CROSS JOIN LATERAL (
    SELECT c.identities FROM customers AS c
    WHERE c.tenant_id = $1 AND c.source = k.source AND c.account = k.account AND c.external_id = k.external_id
    OFFSET 0
) AS h;
