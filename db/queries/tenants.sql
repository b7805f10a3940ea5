-- insert_organization [web, operator]: platform work; asked again it changes nothing.
INSERT INTO organizations (organization_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING organization_id;

-- insert_tenant [web, operator]: platform work; the slug is taken in the same statement, or both fail.
WITH slug AS (
    INSERT INTO tenant_slugs (slug, tenant_id) VALUES ($4, $1)
)
INSERT INTO tenants (tenant_id, organization_id, name, slug, type, plan, settings, worker_group, priority,
                     trial_ends_at)
VALUES ($1, $2, $3, $4, $5, $6, $7::text::jsonb, $8, $9, $10);

-- find_tenant [worker, syncer, web, operator]: by id, with the tenant's token or the platform's.
SELECT t.tenant_id, t.organization_id, t.name, t.slug, t.type, t.plan, t.status, t.settings, t.worker_group,
       t.priority, t.created_at, t.trial_ends_at
FROM tenants AS t WHERE t.tenant_id = $1;

-- list_tenants [worker, syncer, web, operator]: all of them: platform work.
SELECT t.tenant_id, t.organization_id, t.name, t.slug, t.type, t.plan, t.status, t.settings, t.worker_group,
       t.priority, t.created_at, t.trial_ends_at
FROM tenants AS t ORDER BY t.tenant_id;

-- find_tenant_by_slug [web, operator]: platform work.
SELECT s.tenant_id FROM tenant_slugs AS s WHERE s.slug = $1;
