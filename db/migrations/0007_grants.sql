-- What each process may do, and nothing more. Partitions get no grants: they are reached through `events`.

GRANT USAGE ON SCHEMA public, security TO acequia_web, acequia_worker, acequia_syncer, acequia_operator;
GRANT EXECUTE ON FUNCTION security.current_tenant_id(), security.is_platform()
    TO acequia_web, acequia_worker, acequia_syncer, acequia_operator;
GRANT EXECUTE ON FUNCTION security.keep_event_partitions(integer, integer) TO acequia_worker, acequia_operator;

-- Drains and syncs write records; they change nothing of who is served but an integration's status.
GRANT SELECT ON organizations, tenants, tenant_integrations, endpoints TO acequia_worker, acequia_syncer;
GRANT UPDATE (status, status_reason, updated_at) ON tenant_integrations TO acequia_worker, acequia_syncer;
GRANT SELECT, INSERT, UPDATE ON customers, orders TO acequia_worker, acequia_syncer;
GRANT SELECT, INSERT, DELETE ON customer_identities, order_identities TO acequia_worker, acequia_syncer;
GRANT SELECT, INSERT, UPDATE, DELETE ON order_items TO acequia_worker, acequia_syncer;
GRANT SELECT, INSERT, UPDATE ON counters TO acequia_worker, acequia_syncer;
GRANT SELECT, INSERT, UPDATE ON gaps TO acequia_worker, acequia_syncer;

-- Only drains settle events.
GRANT SELECT, INSERT ON events TO acequia_worker;
GRANT SELECT, INSERT, UPDATE ON event_day_totals, dead_letters, queue_ticks TO acequia_worker;

-- API and dashboard.
GRANT SELECT ON organizations, tenants, tenant_slugs, tenant_integrations, endpoints, customers, customer_identities,
    orders, order_items, order_identities, events, event_day_totals, dead_letters, counters, gaps, queue_ticks
    TO acequia_web;
GRANT INSERT, UPDATE ON organizations, tenants, tenant_integrations, endpoints TO acequia_web;
GRANT INSERT ON tenant_slugs TO acequia_web;
GRANT INSERT, UPDATE ON queue_ticks TO acequia_web;
GRANT UPDATE ON dead_letters TO acequia_web;

-- The command line: who is served, the ledger and its dead letters; no customers and no orders.
GRANT SELECT ON organizations, tenants, tenant_slugs, tenant_integrations, endpoints, events, event_day_totals,
    dead_letters, counters, gaps, queue_ticks TO acequia_operator;
GRANT INSERT, UPDATE ON organizations, tenants, tenant_integrations, endpoints, queue_ticks TO acequia_operator;
GRANT INSERT ON tenant_slugs TO acequia_operator;
GRANT UPDATE ON dead_letters TO acequia_operator;
GRANT INSERT, UPDATE ON gaps TO acequia_operator;
GRANT SELECT ON schema_migrations TO acequia_operator;
