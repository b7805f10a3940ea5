-- insert_organization [web, operator]: platform work; asked again it changes nothing.
INSERT INTO organizations (organization_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING organization_id;

-- lock_new_ids [web, operator]: ids are counted up, one at a time; held until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('acequia.new_ids', 0));

-- next_organization_id [web, operator]: platform work, under lock_new_ids.
SELECT coalesce(max(o.organization_id), 0) + 1 FROM organizations AS o;

-- next_tenant_id [web, operator]: platform work, under lock_new_ids; a deleted tenant keeps its row, so no id comes back.
SELECT coalesce(max(t.tenant_id), 0) + 1 FROM tenants AS t;

-- list_organizations [web, operator]: platform work, with the tenants of each.
SELECT o.organization_id, o.name, o.created_at,
       coalesce(array_agg(t.tenant_id ORDER BY t.tenant_id) FILTER (WHERE t.tenant_id IS NOT NULL), '{}') AS tenant_ids
FROM organizations AS o LEFT JOIN tenants AS t ON t.organization_id = o.organization_id AND t.status <> 'deleted'
WHERE o.organization_id = ANY ($1::integer[]) OR $2
GROUP BY o.organization_id ORDER BY o.organization_id;

-- insert_tenant [web, operator]: platform work; the slug is taken in the same statement, or both fail.
WITH slug AS (
    INSERT INTO tenant_slugs (slug, tenant_id) VALUES ($4, $1)
)
INSERT INTO tenants (tenant_id, organization_id, name, slug, type, plan, settings, worker_group, priority,
                     trial_ends_at)
VALUES ($1, $2, $3, $4, $5, $6, $7::text::jsonb, $8, $9, $10);

-- find_tenant [worker, syncer, web, operator]: by id, with the tenant's token or the platform's.
SELECT t.tenant_id, t.organization_id, t.name, t.slug, t.type, t.plan, t.status, t.settings, t.worker_group,
       t.priority, t.created_at, t.trial_ends_at, t.revision, t.status_reason,
       t.status_changed_at, t.delete_after
FROM tenants AS t WHERE t.tenant_id = $1;

-- lock_tenant [web, operator]: before it is read to be changed: without a revision from the caller the last change wins.
SELECT t.tenant_id FROM tenants AS t WHERE t.tenant_id = $1 FOR UPDATE;

-- list_tenants [worker, syncer, web, operator]: all of them: platform work.
SELECT t.tenant_id, t.organization_id, t.name, t.slug, t.type, t.plan, t.status, t.settings, t.worker_group,
       t.priority, t.created_at, t.trial_ends_at, t.revision, t.status_reason,
       t.status_changed_at, t.delete_after
FROM tenants AS t ORDER BY t.tenant_id;

-- find_tenant_by_slug [web, operator]: platform work.
SELECT s.tenant_id FROM tenant_slugs AS s WHERE s.slug = $1;

-- list_tenant_page [web, operator]: platform work: those that a caller may see, in order of id, with their customers.
-- One probe per tenant into the counters, whatever stands behind them.
SELECT t.tenant_id, t.organization_id, t.name, t.slug, t.type, t.plan, t.status, t.settings, t.worker_group,
       t.priority, t.created_at, t.trial_ends_at, t.revision, t.status_reason,
       t.status_changed_at, t.delete_after, coalesce(c.customers, 0)::bigint AS customers
FROM tenants AS t CROSS JOIN LATERAL (
    SELECT sum(c.value) AS customers FROM counters AS c WHERE c.tenant_id = t.tenant_id AND c.name = 'customers'
) AS c
WHERE t.tenant_id > $1 AND ($2 OR t.tenant_id = ANY ($3::integer[]) OR t.organization_id = ANY ($4::integer[]))
  AND ($5::integer IS NULL OR t.organization_id = $5) AND ($6::text IS NULL OR t.status = $6)
  AND ($8 OR t.status <> 'deleted')
ORDER BY t.tenant_id LIMIT $7;

-- list_integrations_of_tenants [web, operator]: platform work: a page's, each with the last moment it was current.
SELECT i.tenant_id, i.integration_id, i.connector, i.account, i.environment, i.status, a.last_synced_at
FROM tenant_integrations AS i CROSS JOIN LATERAL (
    SELECT max(a.last_synced_at) AS last_synced_at FROM integration_activity AS a
    WHERE a.tenant_id = i.tenant_id AND a.integration_id = i.integration_id
) AS a
WHERE i.tenant_id = ANY ($1::integer[]) AND i.status <> 'deleted' ORDER BY i.tenant_id, i.integration_id;

-- update_settings [web, operator]: with the revision that was read, so that two changes at once do not undo each other.
UPDATE tenants AS t SET settings = $2::text::jsonb, worker_group = $3, revision = t.revision + 1
WHERE t.tenant_id = $1 AND t.revision = $4 RETURNING t.revision;

-- update_tenant [web, operator]: platform work: what is no setting, and the limits that another type takes away.
UPDATE tenants AS t SET name = $2, plan = $3, type = $4, organization_id = $5, priority = $6, trial_ends_at = $7,
    settings = $9::text::jsonb, revision = t.revision + 1
WHERE t.tenant_id = $1 AND t.revision = $8 RETURNING t.revision;

-- find_global_metrics [web, operator]: platform work; counters and small tables only, nothing that grows with customers.
SELECT (SELECT count(*) FROM tenants AS t WHERE t.status <> 'deleted') AS tenants,
       (SELECT coalesce(sum(c.value), 0)::bigint FROM counters AS c WHERE c.name = 'customers') AS customers,
       (SELECT coalesce(sum(c.value), 0)::bigint FROM counters AS c WHERE c.name = 'stored_bytes') AS stored_bytes,
       (SELECT count(*) FROM tenant_integrations AS i JOIN tenants AS t ON t.tenant_id = i.tenant_id
        WHERE i.status = 'active' AND t.status = 'active') AS integrations;

-- find_processing_minutes [web, operator]: platform work: the mean of each active integration's last run that came to an
-- end of its own. One probe into the index per integration, whatever number of runs is kept.
SELECT avg(extract(epoch FROM r.ended_at - r.started_at) / 60)::double precision AS minutes
FROM tenant_integrations AS i
JOIN tenants AS t ON t.tenant_id = i.tenant_id AND t.status = 'active'
CROSS JOIN LATERAL (
    SELECT e.started_at, e.ended_at FROM sync_runs AS e
    WHERE e.tenant_id = i.tenant_id AND e.integration_id = i.integration_id AND e.ended_at IS NOT NULL
      AND e.started_at IS NOT NULL AND e.status IN ('succeeded', 'partial', 'failed')
    ORDER BY e.run_id DESC LIMIT 1
) AS r
WHERE i.status = 'active';

-- has_organization [web, operator]: platform work, before a tenant is put into it.
SELECT EXISTS (SELECT FROM organizations AS o WHERE o.organization_id = $1);
