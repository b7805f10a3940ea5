"""Every statement says why it is there and whose rows it means: `tenant_id = $1`, beside what row security enforces."""

import re
from collections.abc import Iterator
from pathlib import Path

from scripts.lints.finding import Finding, find_line, list_files, read_text

HEADER = re.compile(r"^-- (?P<name>[a-z][a-z0-9_]*) \[(?P<roles>[a-z, ]+)\]:(?P<why>.*)$", re.MULTILINE)
TENANT_TABLE = re.compile(
    r"CREATE TABLE (?:IF NOT EXISTS )?(?:public\.)?(\w+)\s*\(\s*tenant_id\s+integer", re.IGNORECASE
)
USED_TABLE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+(?:ONLY\s+)?(?:public\.)?(\w+)", re.IGNORECASE)
NAMES_TENANT = re.compile(r"\btenant_id\s*=\s*\$1\b")
INSERTS_TENANT = re.compile(
    r"INSERT\s+INTO\s+\w+(?:\s+AS\s+\w+)?\s*\(\s*tenant_id\b.*?(?:VALUES\s*\(\s*|SELECT\s+(?:DISTINCT\s+)?)\$1\b",
    re.IGNORECASE | re.DOTALL,
)
COMMENT = re.compile(r"--[^\n]*")
# A migration's own connection may set its time-outs for as long as it lives.
SESSION_SETTING = re.compile(
    r"set_config\s*\(\s*(?!'(?:lock|statement)_timeout')[^;()]*,\s*false\s*\)", re.IGNORECASE | re.DOTALL
)
WHY_WORDS_MIN = 2

# A token of scope platform sees these (their second policy); no personal data stands in them.
PLATFORM_TABLES = {
    *("organizations", "tenants", "tenant_slugs", "tenant_integrations", "endpoints"),
    *("counters", "gaps", "event_day_totals", "queue_ticks", "integration_activity", "api_usage", "audit_entries"),
    *("sync_runs", "sync_run_streams", "sync_streams", "sync_schedules"),
    *("hook_watches", "alert_rules", "alerts", "alert_channels", "alert_deliveries"),
    *("dead_letter_counts", "tenant_snapshots", "integration_snapshots"),
    *("event_minutes", "event_hours", "objective_states"),
    "bulk_operations",
}
OWNER_ROLES = {"owner", "admin"}


def check_queries(root: Path) -> Iterator[Finding]:
    """Headers and tenancy of every statement of db/queries."""
    tenant_tables = find_tenant_tables(root) - PLATFORM_TABLES
    for path in list_files(root / "db" / "queries", ".sql"):
        name, text = path.relative_to(root), path.read_text(encoding="utf-8")
        headers = list(HEADER.finditer(text))
        if not headers or text[: headers[0].start()].strip():
            yield Finding(name, 1, "a statement without its line: -- name [roles]: why it is there")
        ends = [header.start() for header in headers[1:]] + [len(text)]
        for header, end in zip(headers, ends[: len(headers)], strict=True):
            line, statement = find_line(text, header.start()), COMMENT.sub("", text[header.end() : end])
            if len(header["why"].split()) < WHY_WORDS_MIN:
                yield Finding(name, line, f"{header['name']} does not say why it is there")
            if statement.strip(" \n;").count(";"):
                yield Finding(name, line, f"{header['name']} holds two statements, or the next one's header is wrong")
            used = {table.lower() for table in USED_TABLE.findall(statement)} & tenant_tables
            if used and not is_owners(header["roles"]) and not names_tenant(statement):
                yield Finding(
                    name,
                    line,
                    f"{header['name']} uses {', '.join(sorted(used))} without `tenant_id = $1`, nor inserts it",
                )


def check_session_settings(root: Path) -> Iterator[Finding]:
    """A setting for the session outlives the transaction: the connection's next user would work as this tenant."""
    for path in list_files(root, ".sql", ".py"):
        name = path.relative_to(root)
        text = read_text(path)
        if text is None or name.parts[:1] == ("tests",) or name.parts[:2] == ("scripts", "lints"):
            continue
        for match in SESSION_SETTING.finditer(text):
            yield Finding(
                name, find_line(text, match.start()), "set_config for the session: its last argument is `true`"
            )


def find_tenant_tables(root: Path) -> set[str]:
    """Tables that begin with tenant_id, from the migrations."""
    texts = (path.read_text(encoding="utf-8") for path in list_files(root / "db" / "migrations", ".sql"))
    return {table.lower() for text in texts for table in TENANT_TABLE.findall(text)}


def is_owners(roles: str) -> bool:
    return {role.strip() for role in roles.split(",")} <= OWNER_ROLES


def names_tenant(statement: str) -> bool:
    return bool(NAMES_TENANT.search(statement) or INSERTS_TENANT.search(statement))
