"""The catalog walk: from every table, view, function, role and grant there is, to whatever breaks a rule of design §5.

It knows the short list of platform tables and nothing of the tenant tables: whatever is not on the list must be one.
"""

from collections.abc import Iterator
from typing import Any

PROCESS_ROLES = ("acequia_web", "acequia_worker", "acequia_syncer", "acequia_operator")
HOLDER_ROLES = ("acequia_security", "acequia_ledger")
OWNER = "acequia_owner"
PLATFORM_TABLES = {
    "public.organizations", "public.tenant_slugs", "public.queue_ticks", "public.people", "public.person_roles",
    "public.api_keys", "public.platform_audit_entries", "public.idempotent_calls",
    "public.platform_alert_rules", "public.platform_alerts", "public.platform_alert_channels",
    "public.platform_alert_deliveries", "public.backup_reports",
    "public.entered_tokens",
}  # fmt: skip
# Not reached through any policy: nobody but the named role may read them.
UNSHARED_TABLES = {"public.schema_migrations": {"acequia_operator"}, "security.token_keys": {"acequia_security"}}
PLATFORM_READS_TOO = {
    "public.tenants", "public.tenant_integrations", "public.endpoints", "public.counters", "public.gaps",
    "public.event_day_totals", "public.integration_activity", "public.api_usage", "public.audit_entries",
    "public.sync_runs", "public.sync_run_streams", "public.sync_streams", "public.sync_schedules",
    "public.hook_watches", "public.alert_rules", "public.alerts", "public.alert_channels", "public.alert_deliveries",
    "public.dead_letter_counts", "public.tenant_snapshots", "public.integration_snapshots",
    "public.event_minutes", "public.event_hours", "public.objective_states",
    "public.bulk_operations",
}  # fmt: skip
FUNCTIONS = {
    "security.token_scope()": "acequia_security",
    "security.current_tenant_id()": "acequia_security",
    "security.is_platform()": "acequia_security",
    "security.refuse_change()": "acequia_owner",
    "security.count_dead_letters()": "acequia_owner",
    "security.keep_event_partitions(integer,integer)": "acequia_ledger",
}
AUDIT = {"audit_entries", "platform_audit_entries"}
ERASED = {
    "dead_letters", "counters", "gaps", "integration_activity", "api_usage", "idempotent_calls", "person_roles",
    "sync_runs", "sync_run_streams", "sync_streams", "sync_schedules", "listing_marks", "completeness_days",
    "completeness_findings", "hook_watches", "alert_rules", "alerts", "alert_channels", "alert_deliveries",
    "dead_letter_counts", "tenant_snapshots", "integration_snapshots", "event_minutes", "event_hours",
    "objective_states",
    "bulk_operations", "integration_tokens",
}  # fmt: skip
FORGOTTEN_BY_WORKER = {
    "platform_alerts", "platform_alert_channels", "platform_alert_deliveries", "backup_reports",
    "entered_tokens",
}  # fmt: skip
FORGOTTEN_BY_SYNCER = {
    "sync_runs", "sync_run_streams", "sync_schedules", "listing_marks", "completeness_findings", "gaps",
}  # fmt: skip
OF_TENANT = "(tenant_id = ( SELECT security.current_tenant_id() AS current_tenant_id))"
OF_PLATFORM = "( SELECT security.is_platform() AS is_platform)"
SYSTEM = "n.nspname ~ '^pg_' OR n.nspname = 'information_schema'"


async def walk(connection: Any) -> list[str]:
    """Every broken rule, as a sentence that names the object. Needs a superuser's connection."""
    problems: list[str] = []
    for part in (_walk_relations, _walk_keys, _walk_policies, _walk_functions, _walk_grants, _walk_roles):
        problems += [problem async for problem in _each(await part(connection))]
    return problems


async def _each(problems: Iterator[str]) -> Any:
    for problem in problems:
        yield problem


def _is_tenant_table(name: str) -> bool:
    return name not in PLATFORM_TABLES and name not in UNSHARED_TABLES


async def _walk_relations(connection: Any) -> Iterator[str]:
    rows = await connection.fetch(f"""
        SELECT n.nspname || '.' || c.relname AS name, c.relkind::text AS kind, c.relrowsecurity AS enabled,
               c.relforcerowsecurity AS forced, c.relispartition AS is_partition, c.relpersistence::text AS persistence,
               coalesce(c.reloptions @> '{{security_invoker=true}}', false) AS is_invoker,
               (SELECT count(*) FROM aclexplode(c.relacl) AS a WHERE a.grantee <> c.relowner) AS grants,
               a.attname, a.attnotnull, a.atttypid::regtype::text AS type
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = 1
        WHERE c.relkind NOT IN ('i', 'I', 't', 'c') AND NOT ({SYSTEM}) ORDER BY 1""")

    def find() -> Iterator[str]:
        for row in rows:
            name = row["name"]
            if row["kind"] == "v":
                if not row["is_invoker"]:
                    yield f"view {name} lacks security_invoker: it reads with its owner's eyes"
                continue
            if row["kind"] not in {"r", "p"}:
                yield f"{name} is of kind {row['kind']}, which row security does not cover"
                continue
            if name in UNSHARED_TABLES:
                continue
            if not (row["enabled"] and row["forced"]):
                yield f"table {name} lacks row security, enabled and forced"
            if row["is_partition"] and row["grants"]:
                yield f"partition {name} is granted to somebody: read directly, its parent's policy does not apply"
            if row["persistence"] != "p":
                yield f"table {name} is not permanent"
            first = (row["attname"], row["attnotnull"], row["type"])
            if _is_tenant_table(name) and first != ("tenant_id", True, "integer"):
                yield f"table {name} does not begin with tenant_id integer not null"

    return find()


async def _walk_keys(connection: Any) -> Iterator[str]:
    indexes = await connection.fetch(f"""
        SELECT n.nspname || '.' || c.relname AS name, i.indexrelid::regclass::text AS index, i.indkey[0] AS first,
               (SELECT string_agg(DISTINCT o.opfname, ', ')
                FROM unnest(i.indclass::oid[]) AS k JOIN pg_opclass AS oc ON oc.oid = k
                JOIN pg_opfamily AS o ON o.oid = oc.opcfamily
                JOIN pg_amop AS ao ON ao.amopfamily = o.oid AND ao.amoplefttype = oc.opcintype
                 AND ao.amoprighttype = oc.opcintype
                JOIN pg_operator AS op ON op.oid = ao.amopopr JOIN pg_proc AS p ON p.oid = op.oprcode
                WHERE NOT p.proleakproof AND ao.amopstrategy = 3) AS leaking,
               i.indexprs IS NOT NULL AS is_expression
        FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
        JOIN pg_class AS ic ON ic.oid = i.indexrelid WHERE NOT ({SYSTEM}) ORDER BY 1, 2""")
    foreign_keys = await connection.fetch(f"""
        SELECT n.nspname || '.' || c.relname AS name, k.conname, a.attname AS first, b.attname AS refers_to
        FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
        JOIN pg_attribute AS b ON b.attrelid = k.confrelid AND b.attnum = k.confkey[1]
        WHERE k.contype = 'f' AND NOT ({SYSTEM}) ORDER BY 1""")
    keyless = await connection.fetch(f"""
        SELECT n.nspname || '.' || c.relname AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND NOT ({SYSTEM})
          AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype = 'p')""")

    def find() -> Iterator[str]:
        for row in keyless:
            yield f"table {row['name']} has no primary key"
        for row in indexes:
            if not _is_tenant_table(row["name"]):
                continue
            if row["first"] != 1:
                yield f"index {row['index']} of {row['name']} does not begin with tenant_id"
            if row["leaking"] or row["is_expression"]:
                yield f"index {row['index']} of {row['name']} is useless under row security: {row['leaking']}"
        for row in foreign_keys:
            if _is_tenant_table(row["name"]) and (row["first"], row["refers_to"]) != ("tenant_id", "tenant_id"):
                yield f"foreign key {row['conname']} of {row['name']} does not begin with tenant_id"

    return find()


async def _walk_policies(connection: Any) -> Iterator[str]:
    tables = await connection.fetch(f"""
        SELECT n.nspname || '.' || c.relname AS name, array_agg(ARRAY[
                   p.polname::text, p.polcmd::text, p.polpermissive::text, (p.polroles = '{{0}}')::text,
                   coalesce(pg_get_expr(p.polqual, p.polrelid), ''),
                   coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '')] ORDER BY p.polname)
                   FILTER (WHERE p.oid IS NOT NULL) AS policies
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        LEFT JOIN pg_policy AS p ON p.polrelid = c.oid
        WHERE c.relkind IN ('r', 'p') AND NOT ({SYSTEM}) GROUP BY 1 ORDER BY 1""")

    def find() -> Iterator[str]:
        for row in tables:
            name, found = row["name"], {tuple(policy) for policy in row["policies"] or []}
            if name in UNSHARED_TABLES:
                continue
            tenant = ("of_tenant", "*", "true", "true", OF_TENANT, OF_TENANT)
            writes = ("of_platform", "*", "true", "true", OF_PLATFORM, OF_PLATFORM)
            reads = ("of_platform", "r", "true", "true", OF_PLATFORM, "")
            allowed = {writes} if name in PLATFORM_TABLES else {tenant}
            allowed |= {writes, reads} if name in PLATFORM_READS_TOO else set()
            if _is_tenant_table(name) and tenant not in found:
                yield f"table {name} lacks the policy of_tenant, as it must be"
            if name in PLATFORM_TABLES and writes not in found:
                yield f"table {name} lacks the policy of_platform, as it must be"
            for policy in sorted(found - allowed):
                yield f"table {name} has a policy that lets more through: {policy[0]}"

    return find()


async def _walk_functions(connection: Any) -> Iterator[str]:
    rows = await connection.fetch(f"""
        SELECT p.oid::regprocedure::text AS name, p.prosecdef AS is_definer, r.rolname AS owner,
               r.rolcanlogin AS can_login, coalesce(p.proconfig, '{{}}') AS settings,
               EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a WHERE a.grantee = 0)
                   AS is_public
        FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace JOIN pg_roles AS r ON r.oid = p.proowner
        WHERE NOT ({SYSTEM}) ORDER BY 1""")

    def find() -> Iterator[str]:
        for row in rows:
            name = row["name"]
            if FUNCTIONS.get(name) != row["owner"]:
                yield f"function {name} of {row['owner']} is not on the list"
            if row["is_public"]:
                yield f"function {name} may be run by PUBLIC"
            if row["is_definer"] and "search_path=pg_catalog, pg_temp" not in row["settings"]:
                yield f"function {name} runs as its owner without a pinned search_path"
            if row["is_definer"] and row["can_login"]:
                yield f"function {name} runs as {row['owner']}, who can log in"
        for name in FUNCTIONS.keys() - {row["name"] for row in rows}:
            yield f"function {name} is missing"

    return find()


async def _walk_grants(connection: Any) -> Iterator[str]:
    grants = await connection.fetch(f"""
        SELECT n.nspname || '.' || c.relname AS name, coalesce(r.rolname, 'PUBLIC') AS role,
               a.privilege_type AS privilege
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace CROSS JOIN aclexplode(c.relacl) AS a
        LEFT JOIN pg_roles AS r ON r.oid = a.grantee
        WHERE a.grantee <> c.relowner AND NOT ({SYSTEM}) ORDER BY 1, 2, 3""")
    schemas = await connection.fetch(f"""
        SELECT n.nspname AS name, coalesce(r.rolname, 'PUBLIC') AS role, a.privilege_type AS privilege
        FROM pg_namespace AS n CROSS JOIN aclexplode(n.nspacl) AS a LEFT JOIN pg_roles AS r ON r.oid = a.grantee
        WHERE a.grantee <> n.nspowner AND NOT ({SYSTEM}) ORDER BY 1, 2, 3""")
    names = await connection.fetch(f"SELECT nspname AS name FROM pg_namespace AS n WHERE NOT ({SYSTEM})")

    def find() -> Iterator[str]:
        for row in names:
            if row["name"] not in {"public", "security"}:
                yield f"schema {row['name']} is not ours"
        for row in schemas:
            is_holder = row["role"] == "acequia_ledger" and row["name"] == "public"
            known = row["role"] in {*PROCESS_ROLES, *HOLDER_ROLES, OWNER}
            if not known or (row["privilege"] == "CREATE" and not is_holder and row["role"] != OWNER):
                yield f"schema {row['name']} grants {row['privilege']} to {row['role']}"
        for row in grants:
            name, role, privilege = row["name"], row["role"], row["privilege"]
            if name in UNSHARED_TABLES and (role not in UNSHARED_TABLES[name] or privilege != "SELECT"):
                yield f"table {name} is granted to {role} ({privilege})"
            elif role not in PROCESS_ROLES and name not in UNSHARED_TABLES:
                yield f"table {name} is granted to {role}, which is no process ({privilege})"
            elif privilege not in {"SELECT", "INSERT", "UPDATE", "DELETE"}:
                yield f"table {name} grants {privilege} to {role}"
            elif not _is_needed(name, role, privilege):
                yield f"table {name} grants {privilege} to {role}, which does not need it"

    return find()


def _is_needed(name: str, role: str, privilege: str) -> bool:
    """Least privilege, as far as a rule can say it."""
    table = name.removeprefix("public.")
    records = {
        "customers", "customer_identities", "orders", "order_items", "order_identities", "ad_spend", "ad_spend_days",
    }  # fmt: skip
    dependent = {"customer_identities", "order_items", "order_identities", "ad_spend"}
    if table in records and role == "acequia_operator":
        return False
    if table in records | {"events", "event_day_totals", "counters"} and role == "acequia_web":
        return privilege == "SELECT"
    if (
        table in {"events", "event_day_totals", "dead_letters", "queue_ticks", "bulk_operations"}
        and role == "acequia_syncer"
    ):
        return False
    if table == "events" and privilege in {"UPDATE", "DELETE"}:
        return False
    if table in AUDIT:
        return privilege in {"SELECT", "INSERT"}
    if privilege != "DELETE":
        return True
    if table in dependent | {"waiting_customers"} and role in {"acequia_worker", "acequia_syncer"}:
        return True
    # A tenant's deletion is the worker's job; idempotent calls are dropped after their day.
    if role == "acequia_syncer" and table in FORGOTTEN_BY_SYNCER:
        return True
    return (role == "acequia_worker" and table in records | ERASED | FORGOTTEN_BY_WORKER) or (role, table) in {
        ("acequia_web", "person_roles"), ("acequia_operator", "person_roles"), ("acequia_web", "idempotent_calls"),
    }  # fmt: skip


async def _walk_roles(connection: Any) -> Iterator[str]:
    rows = await connection.fetch("""
        SELECT r.rolname AS name, r.rolsuper, r.rolbypassrls, r.rolcreaterole, r.rolcreatedb, r.rolreplication,
               r.rolinherit, r.rolcanlogin,
               EXISTS (SELECT FROM pg_auth_members AS m WHERE m.member = r.oid) AS is_member,
               EXISTS (SELECT FROM pg_shdepend AS d WHERE d.refobjid = r.oid AND d.deptype = 'o') AS is_owner,
               has_database_privilege(r.oid, current_database(), 'TEMP') AS temp,
               has_database_privilege(r.oid, current_database(), 'CREATE') AS creates,
               (SELECT count(*) FROM pg_db_role_setting AS s, unnest(s.setconfig) AS c
                WHERE s.setrole = r.oid AND split_part(c, '=', 1) IN ('statement_timeout', 'lock_timeout',
                      'idle_in_transaction_session_timeout', 'transaction_timeout')) AS limits
        FROM pg_roles AS r WHERE r.rolname ~ '^acequia' ORDER BY 1""")

    def find() -> Iterator[str]:
        for row in rows:
            name = row["name"]
            for right in ("rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb", "rolreplication"):
                if row[right]:
                    yield f"role {name} has {right}"
            if name in HOLDER_ROLES and row["rolcanlogin"]:
                yield f"role {name} can log in"
            if name not in PROCESS_ROLES:
                continue
            for right in ("rolinherit", "is_member", "is_owner", "temp", "creates"):
                if row[right]:
                    yield f"role {name} has {right}"
            if row["limits"] != 4:
                yield f"role {name} lacks time-outs"

    return find()
