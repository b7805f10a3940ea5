"""SQL stands in db/queries and the migrations; only db/ holds connections. Read from Python's syntax trees."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from scripts.lints.finding import Finding, list_files

# A statement at the beginning of a string. Words of prose that begin alike are followed by other words.
STATEMENT = re.compile(
    r"""\s*(
        SELECT\b | (?i:select)\s.+?\s(?i:from)\s
        | (?i:insert)\s+(?i:into)\s | (?i:update)\s+\S+\s+(?i:set)\s | (?i:delete)\s+(?i:from)\s
        | (?i:(create|alter|drop)\s+(table|index|role|database|schema|function|policy|view|type|extension))\b
        | (?i:truncate\s+(table\s+)?\w+\s*;?\s*$) | (?i:set\s+(local|session|role)\b) | (GRANT|REVOKE)\s
        | WITH\s+(RECURSIVE\s+)?\w+\s+AS\b | COPY\s+\w+
    )""",
    re.VERBOSE | re.DOTALL,
)
# scripts/stack administers embedded servers; benchmarks measure what we chose not to write; tests arrange and look.
SQL_ALLOWED = ("scripts/stack/", "scripts/benchmarks/", "scripts/lints/", "tests/")
CONNECTIONS_ALLOWED = ("db/", *SQL_ALLOWED)
STATEMENT_METHODS = {"execute", "executemany", "fetchrow", "fetchval", "fetchmany"}
# Words that others use too: meant only of what is called a connection.
AMBIGUOUS_METHODS = {"acquire", "fetch", "prepare", "cursor", "transaction"}
CONNECTION = re.compile(r"(connection|conn|pool|database)\b", re.IGNORECASE)
NOT_POSTGRES = re.compile(r"redis|pipe|cache|http", re.IGNORECASE)


def check_python(root: Path) -> Iterator[Finding]:
    """Both rules, over every Python file."""
    for path in list_files(root, ".py"):
        name = path.relative_to(root)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if not name.as_posix().startswith(SQL_ALLOWED):
            for line in find_sql(tree):
                yield Finding(name, line, "SQL outside db/queries: name the statement there and load it")
        if not name.as_posix().startswith(CONNECTIONS_ALLOWED):
            for line, call in find_connection_use(tree):
                yield Finding(name, line, f"{call} outside db/: call a function of db/ inside tenant_tx or platform_tx")


def find_sql(tree: ast.AST) -> Iterator[int]:
    """Lines of strings that begin with a statement; docstrings are prose."""
    prose = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in prose:
            continue
        if STATEMENT.match(node.value):
            yield node.lineno


def find_connection_use(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Lines that take a connection or run a statement. A Redis pipeline's `execute()` has no argument."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        method, owner = node.func.attr, ast.unparse(node.func.value)
        is_statement = method in STATEMENT_METHODS and bool(node.args) and not NOT_POSTGRES.search(owner)
        is_connections = method in AMBIGUOUS_METHODS and bool(CONNECTION.search(owner))
        if is_statement or is_connections or (owner, method) == ("asyncpg", "connect"):
            yield node.lineno, f"{owner}.{method}"
