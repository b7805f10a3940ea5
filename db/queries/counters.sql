-- add_to_counters [worker, syncer]: last in its transaction and sorted by name: the row is held until the commit.
INSERT INTO counters AS c (tenant_id, name, writer, value)
SELECT $1, d.name, $2, d.delta FROM unnest($3::text[], $4::bigint[]) AS d (name, delta)
ON CONFLICT (tenant_id, name, writer) DO UPDATE SET value = c.value + EXCLUDED.value;

-- list_counters [worker, web, operator]: one tenant's, summed over the writers.
SELECT c.name, sum(c.value)::bigint AS value FROM counters AS c WHERE c.tenant_id = $1 GROUP BY c.name ORDER BY c.name;

-- list_counters_by_tenant [worker, web, operator]: everybody's: platform work.
SELECT c.tenant_id, c.name, sum(c.value)::bigint AS value FROM counters AS c
GROUP BY c.tenant_id, c.name ORDER BY c.tenant_id, c.name;
