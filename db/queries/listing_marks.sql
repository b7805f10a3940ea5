-- find_marks [syncer]: of these objects, not older than a time.
SELECT m.external_id, m.fingerprint FROM listing_marks AS m
WHERE m.tenant_id = $1 AND m.stream = $2 AND m.source = $3 AND m.account = $4 AND m.external_id = ANY ($5::text[])
  AND m.marked_at > $6;

-- find_dead_marks [syncer]: of these objects, whose document could not be used or had, however long ago.
SELECT m.external_id, m.fingerprint FROM listing_marks AS m
WHERE m.tenant_id = $1 AND m.stream = $2 AND m.source = $3 AND m.account = $4 AND m.external_id = ANY ($5::text[])
  AND m.reason = 'dead';

-- set_marks [syncer]: in the transaction that found out; sorted, so that two never wait for each other.
INSERT INTO listing_marks AS m (tenant_id, stream, source, account, external_id, fingerprint, reason)
SELECT $1, $2, $3, $4, n.external_id, n.fingerprint, n.reason
FROM unnest($5::text[], $6::text[], $7::text[]) AS n (external_id, fingerprint, reason) ORDER BY n.external_id
ON CONFLICT (tenant_id, stream, source, account, external_id) DO UPDATE
SET fingerprint = EXCLUDED.fingerprint, reason = EXCLUDED.reason, marked_at = now();

-- forget_old_marks [syncer]: what no longer counts of one account's stream, which nobody else lists meanwhile.
DELETE FROM listing_marks AS m
WHERE m.tenant_id = $1 AND m.stream = $2 AND m.source = $3 AND m.account = $4 AND m.marked_at < $5;
