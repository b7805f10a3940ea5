-- find_sync_stream [syncer, web, operator]: what is known of one stream between its runs.
SELECT s.integration_id, s.stream, s.listed_through, s.full_at, s.incremental_at, s.trailing_at, s.verified_at
FROM sync_streams AS s WHERE s.tenant_id = $1 AND s.integration_id = $2 AND s.stream = $3;

-- list_sync_streams [syncer, web, operator]: one tenant's.
SELECT s.integration_id, s.stream, s.listed_through, s.full_at, s.incremental_at, s.trailing_at, s.verified_at
FROM sync_streams AS s WHERE s.tenant_id = $1 ORDER BY s.integration_id, s.stream DESC;

-- note_listed [syncer]: times only ever move forward; NULL leaves one as it is.
INSERT INTO sync_streams AS s (tenant_id, integration_id, stream, listed_through, full_at, incremental_at, trailing_at,
                               verified_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (tenant_id, integration_id, stream) DO UPDATE
SET listed_through = greatest(s.listed_through, EXCLUDED.listed_through), full_at = greatest(s.full_at, EXCLUDED.full_at),
    incremental_at = greatest(s.incremental_at, EXCLUDED.incremental_at),
    trailing_at = greatest(s.trailing_at, EXCLUDED.trailing_at), verified_at = greatest(s.verified_at, EXCLUDED.verified_at);
