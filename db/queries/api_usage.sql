-- add_api_calls [web]: counted in Redis and written in batches, sorted, for many tenants at once: platform work.
INSERT INTO api_usage AS u (tenant_id, used_on, calls)
SELECT n.tenant_id, n.used_on, n.calls FROM unnest($1::integer[], $2::date[], $3::bigint[]) AS n (tenant_id, used_on, calls)
ORDER BY n.tenant_id, n.used_on
ON CONFLICT (tenant_id, used_on) DO UPDATE SET calls = u.calls + EXCLUDED.calls;

-- find_api_calls [web, operator]: what one tenant used on a day: where Redis begins when it knows nothing.
SELECT u.calls FROM api_usage AS u WHERE u.tenant_id = $1 AND u.used_on = $2;

-- total_api_calls [web, operator]: all tenants' of a day: platform work; one row a tenant.
SELECT coalesce(sum(u.calls), 0)::bigint FROM api_usage AS u WHERE u.used_on = $1;
