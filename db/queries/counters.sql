-- add_to_counters [worker, syncer]: last in its transaction and sorted by name: the row is held until the commit.
INSERT INTO counters AS c (tenant_id, name, writer, value)
SELECT $1, d.name, $2, d.delta FROM unnest($3::text[], $4::bigint[]) AS d (name, delta)
ON CONFLICT (tenant_id, name, writer) DO UPDATE SET value = c.value + EXCLUDED.value;

-- list_counters [worker, web, operator]: one tenant's, summed over the writers.
SELECT c.name, sum(c.value)::bigint AS value FROM counters AS c WHERE c.tenant_id = $1 GROUP BY c.name ORDER BY c.name;

-- list_counters_by_tenant [worker, web, operator]: everybody's: platform work.
SELECT c.tenant_id, c.name, sum(c.value)::bigint AS value FROM counters AS c
GROUP BY c.tenant_id, c.name ORDER BY c.tenant_id, c.name;

-- find_figures [worker, syncer]: what limits are compared with. Read in the batch's own transaction and locked by nobody:
-- two writers at once may exceed a limit by a batch each, and never wait for one another.
SELECT coalesce(sum(c.value) FILTER (WHERE c.name = 'customers'), 0)::bigint AS customers,
       coalesce(sum(c.value) FILTER (WHERE c.name = 'stored_bytes'), 0)::bigint AS stored_bytes,
       coalesce(sum(c.value) FILTER (WHERE c.name = 'customers_waiting'), 0)::bigint AS waiting
FROM counters AS c WHERE c.tenant_id = $1 AND c.name = ANY ('{customers,stored_bytes,customers_waiting}'::text[]);

-- list_waiting_tenants [worker]: where a limit keeps customers out: platform work.
SELECT c.tenant_id FROM counters AS c WHERE c.name = 'customers_waiting'
GROUP BY c.tenant_id HAVING sum(c.value) > 0 ORDER BY c.tenant_id;
