-- find_entered [web, operator]: what is committed, and whether an integration has it by now.
SELECT t.sealed, t.moved_at IS NOT NULL AS is_moved FROM entered_tokens AS t WHERE t.entry = $1;

-- take_entered_lease [web, operator]: one at a time, by the server's clock; not for what an integration has.
INSERT INTO entered_tokens AS t (entry, lease_holder, lease_until)
VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
ON CONFLICT (entry) DO UPDATE SET
    lease_holder = EXCLUDED.lease_holder,
    lease_until = clock_timestamp() + make_interval(secs => $3),
    updated_at = now()
WHERE (t.lease_until IS NULL OR t.lease_until <= clock_timestamp()) AND t.moved_at IS NULL
RETURNING true;

-- commit_entered [web, operator]: as commit_tokens: by the holder alone, or the same blob again.
UPDATE entered_tokens AS t SET
    sealed = $3,
    key_version = $4,
    lease_holder = CASE WHEN t.lease_holder = $2 THEN NULL ELSE t.lease_holder END,
    lease_until = CASE WHEN t.lease_holder = $2 THEN NULL ELSE t.lease_until END,
    updated_at = now()
WHERE t.entry = $1 AND (t.lease_holder = $2 OR t.sealed = $3)
RETURNING true;

-- release_entered [web, operator]: only by the holder.
UPDATE entered_tokens AS t SET lease_holder = NULL, lease_until = NULL, updated_at = now()
WHERE t.entry = $1 AND t.lease_holder = $2;

-- move_entered [web, operator]: only by the holder, in the transaction that puts them into an integration's own place.
UPDATE entered_tokens AS t SET
    sealed = NULL,
    key_version = NULL,
    lease_holder = NULL,
    lease_until = NULL,
    moved_at = now(),
    updated_at = now()
WHERE t.entry = $1 AND t.lease_holder = $2
RETURNING true;

-- forget_entered [worker]: their days are over; bounded, so that no statement runs long.
DELETE FROM entered_tokens AS t WHERE t.entry IN (
    SELECT o.entry FROM entered_tokens AS o
    WHERE o.updated_at < now() - make_interval(days => $1) AND (o.lease_until IS NULL OR o.lease_until < clock_timestamp())
    ORDER BY o.updated_at LIMIT $2);
