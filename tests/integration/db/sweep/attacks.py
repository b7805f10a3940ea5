"""What acme tries on globex's rows: every verb and every way to a row that PostgreSQL has (security_reliability.md
§1.11), made from the catalog for any table that begins with tenant_id."""

from collections.abc import Iterator
from typing import NamedTuple

from tests.integration.db.cast import ACME, GLOBEX


class Attack(NamedTuple):
    """Statements run one after the other in one savepoint; what the last one returns is looked at."""

    name: str
    statements: tuple[str, ...]


def list_attacks(table: str, columns: list[str]) -> Iterator[Attack]:
    """On one table. `columns`: all but tenant_id."""
    names = ", ".join(["tenant_id", *columns])
    as_globex = f"SELECT {', '.join([str(GLOBEX), *columns])} FROM {table} WHERE tenant_id = {ACME}"
    first = columns[-1]
    theirs = f"WHERE tenant_id = {GLOBEX}"
    yield Attack("select all", (f"SELECT * FROM {table}",))
    yield Attack("select theirs", (f"SELECT * FROM {table} {theirs}",))
    yield Attack("select by ctid", (f"SELECT * FROM {table} WHERE ctid >= '(0,0)'",))
    yield Attack("select for update", (f"SELECT * FROM {table} {theirs} FOR UPDATE",))
    yield Attack("select as text", (f"SELECT x::text FROM {table} AS x",))
    yield Attack("count", (f"SELECT NULL AS nothing FROM {table} {theirs}",))
    yield Attack("subquery", (f"SELECT (SELECT max(x::text) FROM {table} AS x {theirs}) AS loot WHERE 1 = 1",))
    yield Attack("error probe", (f"SELECT 1 / (tenant_id - {GLOBEX}) FROM {table}",))
    yield Attack("cast probe", (f"SELECT x::text::integer FROM {table} AS x {theirs}",))
    yield Attack("cursor", (f"DECLARE c_{table} CURSOR FOR SELECT * FROM {table}", f"FETCH ALL FROM c_{table}"))
    yield Attack(
        "cursor with hold",
        (f"DECLARE k_{table} CURSOR WITH HOLD FOR SELECT * FROM {table}", f"FETCH ALL FROM k_{table}"),
    )
    yield Attack(
        "prepared", (f"PREPARE p_{table} AS SELECT * FROM {table}", f"EXECUTE p_{table}", f"DEALLOCATE p_{table}")
    )
    yield Attack("insert as them", (f"INSERT INTO {table} ({names}) {as_globex} RETURNING *",))
    yield Attack("upsert nothing", (f"INSERT INTO {table} ({names}) {as_globex} ON CONFLICT DO NOTHING RETURNING *",))
    yield Attack("update theirs", (f"UPDATE {table} SET {first} = {first} {theirs} RETURNING *",))
    yield Attack("move ours to them", (f"UPDATE {table} SET tenant_id = {GLOBEX} RETURNING *",))
    yield Attack("take theirs", (f"UPDATE {table} SET tenant_id = {ACME} {theirs} RETURNING *",))
    yield Attack("delete theirs", (f"DELETE FROM {table} {theirs} RETURNING *",))
    merge = f"MERGE INTO {table} AS t USING (SELECT {GLOBEX} AS id) AS s ON t.tenant_id = s.id WHEN MATCHED THEN"
    yield Attack("merge delete", (f"{merge} DELETE RETURNING t.*",))
    yield Attack("merge update", (f"{merge} UPDATE SET {first} = t.{first} RETURNING t.*",))
    yield Attack("truncate", (f"TRUNCATE {table}",))
    yield Attack("copy from a file", (f"COPY {table} FROM '/dev/null'",))
    yield Attack("copy to a file", (f"COPY {table} TO '/tmp/loot'",))
    yield Attack("copy to a program", (f"COPY {table} TO PROGRAM 'cat'",))
    yield Attack("temporary table", (f"CREATE TEMP TABLE loot AS SELECT * FROM {table}", "SELECT * FROM loot"))
    yield Attack("view", (f"CREATE VIEW loot AS SELECT * FROM {table}", "SELECT * FROM loot"))
    yield Attack("function", (
        f"CREATE FUNCTION loot() RETURNS SETOF {table} LANGUAGE sql SECURITY DEFINER AS 'SELECT * FROM {table}'",
        "SELECT * FROM loot()",
    ))  # fmt: skip
    yield Attack("trigger", (f"ALTER TABLE {table} DISABLE TRIGGER ALL",))
    yield Attack("policy", (f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",))
    yield Attack("statistics", (f"SELECT x::text FROM pg_stats AS x WHERE tablename = '{table}'",))
    yield Attack("row security off", ("SET LOCAL row_security = off", f"SELECT * FROM {table}"))
    yield Attack("another role", ("SET LOCAL ROLE acequia_owner", f"SELECT * FROM {table}"))
    yield Attack("another session", ("SET LOCAL SESSION AUTHORIZATION postgres", f"SELECT * FROM {table}"))
    for name, setting in (("bare id", str(GLOBEX)), ("platform", "platform"), ("forged", FORGED), ("none", "")):
        forged = f"SELECT set_config('app.tenant_token', '{setting}', true)"
        yield Attack(f"token: {name}", (forged, f"SELECT * FROM {table} {theirs}"))
    relabelled = (
        f"SELECT set_config('app.tenant_token', replace(current_setting('app.tenant_token', true), '|{ACME}|',"
        f" '|{GLOBEX}|'), true)"
    )
    yield Attack("token: relabelled", (relabelled, f"SELECT * FROM {table}"))


FORGED = f"v1|{GLOBEX}|x|9999999999|k1|" + "0" * 64
