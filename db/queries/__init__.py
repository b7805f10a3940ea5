"""Named SQL statements: `*.sql` beside this file, each under one comment line that says who runs it and why.

    -- find_tenant [worker, web]: the directory is published from it.
    SELECT …

The names in brackets are the process roles without `acequia_` (or `owner`, `admin`); a test prepares every statement
as each of them. A `;` ends nothing: a statement lasts until the next header.
"""

import re
from pathlib import Path
from typing import NamedTuple

_FOLDER = Path(__file__).parent
_HEADER = re.compile(r"^-- (?P<name>[a-z][a-z0-9_]*) \[(?P<roles>[a-z, ]+)\]: (?P<why>\S.*)$", re.MULTILINE)


class Statement(NamedTuple):
    name: str
    roles: tuple[str, ...]
    why: str
    sql: str


def load_statements(file_name: str) -> list[Statement]:
    """The statements of `{file_name}.sql`, in order. Raises ValueError for text before a header, or a name twice."""
    text = (_FOLDER / f"{file_name}.sql").read_text(encoding="utf-8")
    headers = list(_HEADER.finditer(text))
    if not headers or text[: headers[0].start()].strip():
        raise ValueError(f"{file_name}.sql must begin with a header: -- name [roles]: why")
    ends = [header.start() for header in headers[1:]] + [len(text)]
    statements = [
        Statement(header["name"], tuple(header["roles"].split(", ")), header["why"], text[header.end() : end].strip())
        for header, end in zip(headers, ends, strict=True)
    ]
    if len({statement.name for statement in statements}) != len(statements):
        raise ValueError(f"{file_name}.sql has two statements of one name")
    return statements


def load_queries(file_name: str) -> dict[str, str]:
    """The SQL of `{file_name}.sql` by statement name: read once, when its module is imported."""
    return {statement.name: statement.sql for statement in load_statements(file_name)}
