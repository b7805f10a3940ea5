-- The indexes by creation leave tombstones out, as the statements that need them do. Whole, they held all columns of the
-- key too: over a table that was small when the plan was made, look-ups by key took them, and read every row of the
-- account for each key.

DROP INDEX customers_by_creation;
DROP INDEX orders_by_creation;
CREATE INDEX customers_by_creation ON customers (tenant_id, source, account, source_created_at, external_id)
    WHERE deleted_at IS NULL;
CREATE INDEX orders_by_creation ON orders (tenant_id, source, account, source_created_at, external_id)
    WHERE deleted_at IS NULL;
