-- set_tenant_token [web, worker, syncer, operator]: bound: a literal would stand in pg_stat_activity for its role.
SELECT set_config('app.tenant_token', $1, true);

-- find_session_dangers [web, worker, syncer, operator]: a process that owns or bypasses anything must not start.
SELECT r.rolname, r.rolsuper, r.rolbypassrls, r.rolcreaterole,
       EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.relowner = r.oid) AS is_owner,
       EXISTS (SELECT FROM pg_catalog.pg_auth_members AS m WHERE m.member = r.oid) AS is_member,
       pg_catalog.has_database_privilege(r.oid, pg_catalog.current_database(), 'TEMP') AS has_temp,
       pg_catalog.has_schema_privilege(r.oid, 'public', 'CREATE') AS has_create,
       pg_catalog.current_setting('server_version_num')::integer AS server_version_num
FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user;

-- is_platform [web, worker, syncer, operator]: asks whether the database takes our tokens, before work depends on it.
SELECT security.is_platform();

-- wait_in_line [worker, syncer]: many who retry over the same rows make each other fail; one at a time, each succeeds.
SELECT pg_advisory_xact_lock(hashtext('acequia.retry'), $1);
