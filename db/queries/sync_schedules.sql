-- list_unreckoned [syncer]: integrations without a schedule, or with one of another frequency or time zone: platform work.
-- $1: connectors that can list anything; $2: the time zone of a tenant that names none.
SELECT i.tenant_id, i.integration_id, i.sync_frequency, coalesce(t.settings ->> 'timezone', $2) AS time_zone
FROM tenant_integrations AS i JOIN tenants AS t ON t.tenant_id = i.tenant_id
LEFT JOIN sync_schedules AS s ON s.tenant_id = i.tenant_id AND s.integration_id = i.integration_id
WHERE i.status <> 'deleted' AND i.auto_sync AND i.sealed_credentials IS NOT NULL AND i.connector = ANY ($1::text[])
  AND t.status NOT IN ('deleting', 'deleted')
  AND (s.tenant_id IS NULL OR s.frequency <> i.sync_frequency OR s.time_zone <> coalesce(t.settings ->> 'timezone', $2))
ORDER BY i.tenant_id, i.integration_id LIMIT $3;

-- save_schedules [syncer]: platform work. Of two syncers the first one's stands: the other may have reckoned from behind
-- the very moment that is due.
INSERT INTO sync_schedules AS s (tenant_id, integration_id, next_sync_at, frequency, time_zone)
SELECT n.tenant_id, n.integration_id, n.next_sync_at, n.frequency, n.time_zone
FROM unnest($1::integer[], $2::integer[], $3::timestamptz[], $4::text[], $5::text[])
     AS n (tenant_id, integration_id, next_sync_at, frequency, time_zone)
ORDER BY n.tenant_id, n.integration_id
ON CONFLICT (tenant_id, integration_id) DO UPDATE
SET next_sync_at = EXCLUDED.next_sync_at, frequency = EXCLUDED.frequency, time_zone = EXCLUDED.time_zone,
    updated_at = now()
WHERE s.frequency <> EXCLUDED.frequency OR s.time_zone <> EXCLUDED.time_zone;

-- drop_schedules [syncer]: where nothing is to begin by itself any more, so that switching it on reckons anew: platform work.
DELETE FROM sync_schedules AS s USING tenant_integrations AS i
WHERE i.tenant_id = s.tenant_id AND i.integration_id = s.integration_id AND (i.status = 'deleted' OR NOT i.auto_sync);

-- list_due [syncer]: what is to begin now, the longest overdue first: platform work.
SELECT s.tenant_id, s.integration_id, s.next_sync_at, s.frequency, s.time_zone
FROM sync_schedules AS s
JOIN tenant_integrations AS i ON i.tenant_id = s.tenant_id AND i.integration_id = s.integration_id
JOIN tenants AS t ON t.tenant_id = s.tenant_id
WHERE s.next_sync_at <= $1 AND t.status = 'active' AND i.status = 'active' AND i.auto_sync
  AND i.sealed_credentials IS NOT NULL
ORDER BY s.next_sync_at, s.tenant_id, s.integration_id LIMIT $2;

-- take_due [syncer]: with the moment that was seen: of any number of syncers one gets it. Who is just taking it is waited
-- for, and has moved it then.
UPDATE sync_schedules AS s SET next_sync_at = $4, updated_at = now()
WHERE s.tenant_id = $1 AND s.integration_id = $2 AND s.next_sync_at = $3 RETURNING s.integration_id;

-- list_schedules [syncer, web, operator]: one tenant's.
SELECT s.tenant_id, s.integration_id, s.next_sync_at, s.frequency, s.time_zone
FROM sync_schedules AS s WHERE s.tenant_id = $1 ORDER BY s.integration_id;
