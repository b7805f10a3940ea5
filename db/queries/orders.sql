-- find_held_orders [worker, syncer]: as find_held_customers: rows that lose are neither sealed, sent nor locked.
SELECT k.n, h.source_updated_at, h.mapper_version, h.observed_at, h.content_hash, h.revision, h.is_partial,
       h.deleted_at IS NOT NULL AS is_deleted
FROM unnest($2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS k (source, account, external_id, n)
CROSS JOIN LATERAL (
    SELECT o.source_updated_at, o.mapper_version, o.observed_at, o.content_hash,
           o.revision, o.is_partial, o.deleted_at
    FROM orders AS o
    WHERE o.tenant_id = $1 AND o.source = k.source AND o.account = k.account AND o.external_id = k.external_id
    OFFSET 0
) AS h;

-- write_orders [worker, syncer]: as write_customers; the items, too, change only with their order.
WITH written AS (
    INSERT INTO orders AS held (
        tenant_id,
        source, account, external_id, source_updated_at, mapper_version, observed_at, content_hash, revision,
        is_partial, deleted_at, source_created_at, status, status_class, currency, total_minor, items_minor,
        discounts_minor, shipping_minor, tax_minor, sequence, order_group, origin, sales_channel, is_completed,
        authorized_at, invoiced_at, canceled_at, utm_source, utm_medium, utm_campaign, coupon,
        has_workflow_error, details, item_count, key_version, identities, sealed)
    SELECT $1,
           i.source, i.account, i.external_id, i.source_updated_at, i.mapper_version, i.observed_at, i.content_hash,
           i.revision, i.is_partial, i.deleted_at, i.source_created_at, i.status, i.status_class, i.currency,
           i.total_minor, i.items_minor, i.discounts_minor, i.shipping_minor, i.tax_minor, i.sequence,
           i.order_group, i.origin, i.sales_channel, i.is_completed, i.authorized_at, i.invoiced_at, i.canceled_at,
           i.utm_source, i.utm_medium, i.utm_campaign, i.coupon, i.has_workflow_error, i.details::jsonb,
           i.item_count, i.key_version, i.identities, i.sealed
    FROM unnest(
        $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::integer[], $7::timestamptz[], $8::bytea[],
        $9::integer[], $10::boolean[], $11::timestamptz[], $12::timestamptz[], $13::text[], $14::text[],
        $15::text[], $16::bigint[], $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[], $21::text[],
        $22::text[], $23::text[], $24::text[], $25::boolean[], $26::timestamptz[], $27::timestamptz[],
        $28::timestamptz[], $29::text[], $30::text[], $31::text[], $32::text[], $33::boolean[], $34::text[],
        $35::integer[], $36::integer[], $37::bytea[], $38::bytea[]
    ) AS i (
        source, account, external_id, source_updated_at, mapper_version, observed_at, content_hash, revision,
        is_partial, deleted_at, source_created_at, status, status_class, currency, total_minor, items_minor,
        discounts_minor, shipping_minor, tax_minor, sequence, order_group, origin, sales_channel, is_completed,
        authorized_at, invoiced_at, canceled_at, utm_source, utm_medium, utm_campaign, coupon,
        has_workflow_error, details, item_count, key_version, identities, sealed)
    ON CONFLICT (tenant_id, source, account, external_id) DO UPDATE SET
        source_updated_at = EXCLUDED.source_updated_at,
        mapper_version = EXCLUDED.mapper_version,
        observed_at = EXCLUDED.observed_at,
        content_hash = EXCLUDED.content_hash,
        revision = held.revision + 1,
        is_partial = EXCLUDED.is_partial,
        deleted_at = EXCLUDED.deleted_at,
        source_created_at = EXCLUDED.source_created_at,
        status = EXCLUDED.status,
        status_class = EXCLUDED.status_class,
        currency = EXCLUDED.currency,
        total_minor = EXCLUDED.total_minor,
        items_minor = EXCLUDED.items_minor,
        discounts_minor = EXCLUDED.discounts_minor,
        shipping_minor = EXCLUDED.shipping_minor,
        tax_minor = EXCLUDED.tax_minor,
        sequence = EXCLUDED.sequence,
        order_group = EXCLUDED.order_group,
        origin = EXCLUDED.origin,
        sales_channel = EXCLUDED.sales_channel,
        is_completed = EXCLUDED.is_completed,
        authorized_at = EXCLUDED.authorized_at,
        invoiced_at = EXCLUDED.invoiced_at,
        canceled_at = EXCLUDED.canceled_at,
        utm_source = EXCLUDED.utm_source,
        utm_medium = EXCLUDED.utm_medium,
        utm_campaign = EXCLUDED.utm_campaign,
        coupon = EXCLUDED.coupon,
        has_workflow_error = EXCLUDED.has_workflow_error,
        details = EXCLUDED.details,
        item_count = EXCLUDED.item_count,
        key_version = CASE WHEN EXCLUDED.sealed = '' THEN held.key_version ELSE EXCLUDED.key_version END,
        identities = CASE WHEN EXCLUDED.sealed = '' THEN held.identities ELSE EXCLUDED.identities END,
        sealed = CASE WHEN EXCLUDED.sealed = '' THEN held.sealed ELSE EXCLUDED.sealed END,
        updated_at = CASE WHEN EXCLUDED.sealed = '' THEN held.updated_at ELSE now() END
    WHERE EXCLUDED.revision = held.revision + 1
       OR (EXCLUDED.revision = 0 AND NOT EXCLUDED.is_partial
           AND (EXCLUDED.source_updated_at, EXCLUDED.mapper_version, EXCLUDED.observed_at, EXCLUDED.content_hash)
             > (held.source_updated_at, held.mapper_version, held.observed_at, held.content_hash))
    RETURNING new.source, new.account, new.external_id,
              old.tenant_id IS NULL AS is_new, coalesce(old.deleted_at IS NOT NULL, false) AS was_deleted,
              coalesce(octet_length(new.sealed), 0) - coalesce(octet_length(old.sealed), 0) AS sealed_bytes,
              new.identities AS told, CASE WHEN old.identities <> new.identities THEN old.identities END AS untold,
              CASE WHEN old.item_count > new.item_count THEN new.item_count END AS items_kept
), added AS (
    INSERT INTO order_identities (tenant_id, kind, key_version, blind_index, source, account, external_id)
    SELECT $1, (ARRAY['email', 'phone', 'document', 'profile'])[get_byte(w.told, 21 * g)],
           substr(w.told, 21 * g + 2, 4)::integer, substr(w.told, 21 * g + 6, 16), w.source, w.account, w.external_id
    FROM written AS w CROSS JOIN generate_series(0, octet_length(w.told) / 21 - 1) AS g
    WHERE w.is_new OR w.untold IS NOT NULL
    ON CONFLICT DO NOTHING
), items AS (
    INSERT INTO order_items AS line (
        tenant_id,
        source, account, external_id, line_number, line_id, sku, product_id, name, seller, quantity,
        unit_price_minor, list_price_minor, total_minor, is_gift)
    SELECT $1, i.*
    FROM unnest(
        $39::text[], $40::text[], $41::text[], $42::integer[], $43::text[], $44::text[], $45::text[], $46::text[],
        $47::text[], $48::bigint[], $49::bigint[], $50::bigint[], $51::bigint[], $52::boolean[]
    ) AS i (
        source, account, external_id, line_number, line_id, sku, product_id, name, seller, quantity,
        unit_price_minor, list_price_minor, total_minor, is_gift)
    JOIN written AS w USING (source, account, external_id)
    ON CONFLICT (tenant_id, source, account, external_id, line_number) DO UPDATE SET
        line_id = EXCLUDED.line_id,
        sku = EXCLUDED.sku,
        product_id = EXCLUDED.product_id,
        name = EXCLUDED.name,
        seller = EXCLUDED.seller,
        quantity = EXCLUDED.quantity,
        unit_price_minor = EXCLUDED.unit_price_minor,
        list_price_minor = EXCLUDED.list_price_minor,
        total_minor = EXCLUDED.total_minor,
        is_gift = EXCLUDED.is_gift
    WHERE (line.line_id, line.sku, line.product_id, line.name, line.seller,
           line.quantity, line.unit_price_minor, line.list_price_minor, line.total_minor, line.is_gift)
       IS DISTINCT FROM
          (EXCLUDED.line_id, EXCLUDED.sku, EXCLUDED.product_id, EXCLUDED.name, EXCLUDED.seller,
           EXCLUDED.quantity, EXCLUDED.unit_price_minor, EXCLUDED.list_price_minor, EXCLUDED.total_minor,
           EXCLUDED.is_gift)
)
SELECT source, account, external_id, is_new, was_deleted, sealed_bytes, untold, items_kept FROM written;

-- delete_order_identity [worker, syncer]: as delete_customer_identity.
DELETE FROM order_identities AS i
WHERE i.tenant_id = $1 AND i.kind = $2 AND i.key_version = $3 AND i.blind_index = $4
  AND i.source = $5 AND i.account = $6 AND i.external_id = $7;

-- delete_order_items_from [worker, syncer]: lines that an order no longer has; it is locked by the write just before.
DELETE FROM order_items AS l
WHERE l.tenant_id = $1 AND l.source = $2 AND l.account = $3 AND l.external_id = $4 AND l.line_number > $5;

-- get_orders [worker, syncer, web]: whole rows, to be opened: for a merge, for a page, for a check.
SELECT h.*
FROM unnest($2::text[], $3::text[], $4::text[]) AS k (source, account, external_id)
CROSS JOIN LATERAL (
    SELECT o.source, o.account, o.external_id, o.source_updated_at, o.mapper_version, o.observed_at, o.content_hash,
           o.revision,
           o.is_partial, o.deleted_at, o.source_created_at, o.status, o.status_class, o.currency, o.total_minor,
           o.items_minor, o.discounts_minor, o.shipping_minor, o.tax_minor, o.sequence, o.order_group, o.origin,
           o.sales_channel, o.is_completed, o.authorized_at, o.invoiced_at, o.canceled_at, o.utm_source, o.utm_medium,
           o.utm_campaign, o.coupon, o.has_workflow_error, o.details, o.item_count, o.created_at,
           o.updated_at, o.sealed
    FROM orders AS o
    WHERE o.tenant_id = $1 AND o.source = k.source AND o.account = k.account AND o.external_id = k.external_id
    OFFSET 0
) AS h;

-- list_order_items [worker, syncer, web]: the lines of whole orders, in their order.
SELECT h.*
FROM unnest($2::text[], $3::text[], $4::text[]) AS k (source, account, external_id)
CROSS JOIN LATERAL (
    SELECT l.source, l.account, l.external_id, l.line_id, l.sku, l.product_id, l.name, l.seller, l.quantity,
           l.unit_price_minor, l.list_price_minor, l.total_minor, l.is_gift
    FROM order_items AS l
    WHERE l.tenant_id = $1 AND l.source = k.source AND l.account = k.account AND l.external_id = k.external_id
    ORDER BY l.line_number OFFSET 0
) AS h;

-- find_orders_by_identity [worker, syncer, web]: who bought with this e-mail, phone, document or profile id.
SELECT i.source, i.account, i.external_id FROM order_identities AS i
WHERE i.tenant_id = $1 AND i.kind = $2 AND i.key_version = $3 AND i.blind_index = $4
ORDER BY i.source, i.account, i.external_id LIMIT $5;
