-- find_held_customers [worker, syncer]: what is held, so that rows that lose are neither sealed, sent nor locked.
-- OFFSET 0 keeps the plan to one index probe per key: a plan made over a small table must not scan a big one.
SELECT k.n, h.source_updated_at, h.mapper_version, h.observed_at, h.content_hash, h.revision, h.is_partial,
       h.deleted_at IS NOT NULL AS is_deleted
FROM unnest($2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS k (source, account, external_id, n)
CROSS JOIN LATERAL (
    SELECT c.source_updated_at, c.mapper_version, c.observed_at, c.content_hash, c.revision, c.is_partial, c.deleted_at
    FROM customers AS c
    WHERE c.tenant_id = $1 AND c.source = k.source AND c.account = k.account AND c.external_id = k.external_id
    OFFSET 0
) AS h;

-- write_customers [worker, syncer]: newest wins in the statement itself, and the identities change only with their row.
-- Rows come sorted by key: two batches that lock the same rows in different orders would deadlock. A row with a
-- revision was computed from the one before it and is written only onto that one; any other only if its version is
-- greater. An empty blob says that the content is the one held: only the observation moves. A column of equal
-- values may come as one value for all rows: unnest fills the others up with NULL.
WITH written AS (
    INSERT INTO customers AS held (
        tenant_id, source, account, external_id, source_updated_at, mapper_version, observed_at, content_hash,
        revision, is_partial, deleted_at, source_created_at, is_corporate, accepts_marketing, locale, customer_class,
        key_version, identities, sealed)
    SELECT $1, coalesce(i.source, ($2::text[])[1]), coalesce(i.account, ($3::text[])[1]), i.external_id,
           i.source_updated_at, coalesce(i.mapper_version, ($6::integer[])[1]),
           coalesce(i.observed_at, ($7::timestamptz[])[1]), i.content_hash, coalesce(i.revision, ($9::integer[])[1]),
           coalesce(i.is_partial, ($10::boolean[])[1]),
           CASE cardinality($11::timestamptz[]) WHEN 1 THEN ($11::timestamptz[])[1] ELSE i.deleted_at END,
           i.source_created_at,
           CASE cardinality($13::boolean[]) WHEN 1 THEN ($13::boolean[])[1] ELSE i.is_corporate END,
           CASE cardinality($14::boolean[]) WHEN 1 THEN ($14::boolean[])[1] ELSE i.accepts_marketing END,
           CASE cardinality($15::text[]) WHEN 1 THEN ($15::text[])[1] ELSE i.locale END,
           CASE cardinality($16::text[]) WHEN 1 THEN ($16::text[])[1] ELSE i.customer_class END,
           CASE cardinality($17::integer[]) WHEN 1 THEN ($17::integer[])[1] ELSE i.key_version END,
           i.identities, i.sealed
    FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::integer[], $7::timestamptz[], $8::bytea[],
                $9::integer[], $10::boolean[], $11::timestamptz[], $12::timestamptz[], $13::boolean[], $14::boolean[],
                $15::text[], $16::text[], $17::integer[], $18::bytea[], $19::bytea[])
         AS i (source, account, external_id, source_updated_at, mapper_version, observed_at, content_hash, revision,
               is_partial, deleted_at, source_created_at, is_corporate, accepts_marketing, locale, customer_class,
               key_version, identities, sealed)
    ON CONFLICT (tenant_id, source, account, external_id) DO UPDATE SET
        source_updated_at = EXCLUDED.source_updated_at,
        mapper_version = EXCLUDED.mapper_version,
        observed_at = EXCLUDED.observed_at,
        content_hash = EXCLUDED.content_hash,
        revision = held.revision + 1,
        is_partial = EXCLUDED.is_partial,
        deleted_at = EXCLUDED.deleted_at,
        source_created_at = EXCLUDED.source_created_at,
        is_corporate = EXCLUDED.is_corporate,
        accepts_marketing = EXCLUDED.accepts_marketing,
        locale = EXCLUDED.locale,
        customer_class = EXCLUDED.customer_class,
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
              new.identities AS told, CASE WHEN old.identities <> new.identities THEN old.identities END AS untold
), added AS (
    INSERT INTO customer_identities (tenant_id, kind, key_version, blind_index, source, account, external_id)
    SELECT $1, (ARRAY['email', 'phone', 'document', 'profile'])[get_byte(w.told, 21 * g)],
           substr(w.told, 21 * g + 2, 4)::integer, substr(w.told, 21 * g + 6, 16), w.source, w.account, w.external_id
    FROM written AS w CROSS JOIN generate_series(0, octet_length(w.told) / 21 - 1) AS g
    WHERE w.is_new OR w.untold IS NOT NULL
    ON CONFLICT DO NOTHING
)
SELECT source, account, external_id, is_new, was_deleted, sealed_bytes, untold FROM written;

-- delete_customer_identity [worker, syncer]: what a row no longer tells; its row is locked by the write just before.
-- One exact key at a time: a join would be planned by the table's size of some earlier day, and scan it.
DELETE FROM customer_identities AS i
WHERE i.tenant_id = $1 AND i.kind = $2 AND i.key_version = $3 AND i.blind_index = $4
  AND i.source = $5 AND i.account = $6 AND i.external_id = $7;

-- get_customers [worker, syncer, web]: whole rows, to be opened: for a merge, for a page, for a check.
SELECT h.*
FROM unnest($2::text[], $3::text[], $4::text[]) AS k (source, account, external_id)
CROSS JOIN LATERAL (
    SELECT c.source, c.account, c.external_id, c.source_updated_at, c.mapper_version, c.observed_at, c.content_hash,
           c.revision, c.is_partial, c.deleted_at, c.source_created_at, c.is_corporate, c.accepts_marketing, c.locale,
           c.customer_class, c.created_at, c.updated_at, c.sealed
    FROM customers AS c
    WHERE c.tenant_id = $1 AND c.source = k.source AND c.account = k.account AND c.external_id = k.external_id
    OFFSET 0
) AS h;

-- find_customers_by_identity [worker, syncer, web]: who shares an e-mail, phone, document or profile id.
SELECT i.source, i.account, i.external_id FROM customer_identities AS i
WHERE i.tenant_id = $1 AND i.kind = $2 AND i.key_version = $3 AND i.blind_index = $4
ORDER BY i.source, i.account, i.external_id LIMIT $5;
