-- begin_call [web]: the first of two calls with one key goes on; one that never ended may be taken up later.
INSERT INTO idempotent_calls AS c (actor, key_hash, fingerprint) VALUES ($1, $2, $3)
ON CONFLICT (actor, key_hash) DO UPDATE SET fingerprint = EXCLUDED.fingerprint, status = NULL, sealed_answer = NULL,
    object_id = NULL, created_at = now()
WHERE (c.status IS NULL AND c.fingerprint = EXCLUDED.fingerprint AND c.created_at < now() - make_interval(secs => $5))
   OR c.created_at < now() - make_interval(hours => $4)
RETURNING c.actor;

-- find_call [web]: what became of the first one.
SELECT c.fingerprint, c.status, c.object_id, c.sealed_answer FROM idempotent_calls AS c
WHERE c.actor = $1 AND c.key_hash = $2;

-- end_call [web]: its answer, to be given again; without one where it showed a secret.
UPDATE idempotent_calls AS c SET status = $3, object_id = $4, sealed_answer = $5
WHERE c.actor = $1 AND c.key_hash = $2;

-- forget_call [web]: it changed nothing, so it may be tried again under the same key.
DELETE FROM idempotent_calls AS c WHERE c.actor = $1 AND c.key_hash = $2;

-- forget_old_calls [worker]: their day is over; bounded, so that no statement runs long.
DELETE FROM idempotent_calls AS c WHERE (c.actor, c.key_hash) IN (
    SELECT o.actor, o.key_hash FROM idempotent_calls AS o
    WHERE o.created_at < now() - make_interval(hours => $1) ORDER BY o.created_at LIMIT $2);
