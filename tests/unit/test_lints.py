"""Our own lint rules find what they are there for, and nothing in what is right."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from scripts.lints.__main__ import ROOT, RULES
from scripts.lints.finding import Finding
from scripts.lints.places import check_places
from scripts.lints.python_source import check_python
from scripts.lints.sql_source import check_queries, check_session_settings
from scripts.lints.templates import check_templates

MIGRATION = "CREATE TABLE orders (\n    tenant_id integer NOT NULL,\n    external_id text NOT NULL\n);\n"


def find(rule: Callable[[Path], Iterable[Finding]], root: Path, name: str, text: str) -> list[str]:
    """The messages of one rule over a checkout that holds `text` as `name` beside one tenant table."""
    for path, content in ((root / "db/migrations/0001.sql", MIGRATION), (root / name, text)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return [finding.message for finding in rule(root) if finding.path == Path(name)]


@pytest.mark.parametrize(
    "code",
    [
        'rows = connection.run("SELECT external_id FROM orders")',
        'text = "select external_id from orders"',
        'text = "insert into orders values (1)"',
        'text = f"UPDATE orders SET status = {status}"',
        'text = """\n  DELETE FROM orders"""',
        'text = "WITH moved AS (SELECT 1) SELECT 2"',
    ],
)
def test_a_statement_in_python_is_found(tmp_path: Path, code: str) -> None:
    assert find(check_python, tmp_path, "app/services/orders.py", code)


@pytest.mark.parametrize(
    "code",
    [
        '"""SELECT is a word of this docstring."""',
        'text = "Select a tenant first."',
        'text = "update the settings"',
        'text = "with a token"',
        "answers = await pipe.execute()",
        "await redis.execute(name)",
        "await self.observer.fetch(event)",
    ],
)
def test_prose_and_redis_are_left_alone(tmp_path: Path, code: str) -> None:
    assert not find(check_python, tmp_path, "app/services/orders.py", code)


@pytest.mark.parametrize(
    "code",
    [
        "connection = await self._pool.acquire()",
        "async with pool.acquire() as connection: pass",
        "await connection.execute(SQL['write_orders'], 1)",
        "row = await tx.fetchrow(name, 1)",
        "rows = await connection.fetch(name)",
        "connection = await asyncpg.connect(url)",
    ],
)
def test_a_connection_outside_db_is_found(tmp_path: Path, code: str) -> None:
    assert find(check_python, tmp_path, "workers/drain.py", code)
    assert not find(check_python, tmp_path, "db/orders.py", code)


@pytest.mark.parametrize(
    ("statement", "is_right"),
    [
        ("SELECT * FROM orders WHERE tenant_id = $1", True),
        ("SELECT * FROM orders AS o WHERE o.tenant_id = $1 AND o.external_id = $2", True),
        ("SELECT * FROM orders WHERE external_id = $1", False),
        ("SELECT * FROM orders -- tenant_id = $1", False),
        ("UPDATE orders SET external_id = '' WHERE tenant_id = $2", False),
        ("INSERT INTO orders (tenant_id, external_id) VALUES ($1, $2)", True),
        ("INSERT INTO orders (tenant_id, external_id)\nSELECT $1, item FROM unnest($2::text[]) AS item", True),
        ("INSERT INTO orders (external_id, tenant_id) VALUES ($2, $1)", False),
        ("SELECT * FROM tenants", True),
    ],
)
def test_a_statement_on_a_tenant_table_names_its_tenant(tmp_path: Path, statement: str, is_right: bool) -> None:
    text = f"-- find_it [worker]: because a test needs it.\n{statement};\n"
    assert (not find(check_queries, tmp_path, "db/queries/orders.sql", text)) is is_right


def test_the_owner_may_look_past_tenants(tmp_path: Path) -> None:
    text = "-- move_it [owner]: once, in a migration.\nUPDATE orders SET external_id = '';\n"
    assert not find(check_queries, tmp_path, "db/queries/orders.sql", text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1;\n",
        "-- find_it [worker]:\nSELECT 1;\n",
        "-- find_it [worker]: orders.\nSELECT 1;\n",
        "-- find_it [worker]: because a test needs it.\nSELECT 1;\n-- wrong header\nSELECT 2;\n",
    ],
)
def test_a_statement_without_a_why_is_found(tmp_path: Path, text: str) -> None:
    assert find(check_queries, tmp_path, "db/queries/orders.sql", text)


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ("SELECT set_config('app.tenant_token', $1, true)", True),
        ("SELECT set_config('app.tenant_token', $1, false)", False),
        ("SELECT set_config(\n  $1,\n  $2,\n  FALSE\n)", False),
        ("SELECT set_config('lock_timeout', '3s', false)", True),
    ],
)
def test_a_token_that_outlives_its_transaction_is_found(tmp_path: Path, text: str, is_right: bool) -> None:
    assert (not find(check_session_settings, tmp_path, "db/queries/sessions.sql", text)) is is_right


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ("see https://py" + "pi.org/project/starlette", False),
        ("index = 'https://mirror.example/sim" + "ple/'", False),
        ("path: /ro" + "ot/data", False),
        ("path: /ho" + "me/ana/acequia", False),
        ("https://docs.example/home/page and a/ho" + "me/of", True),
        ("a simple line about /var/lib/acequia", True),
    ],
)
def test_a_registry_or_somebodys_path_is_found(tmp_path: Path, text: str, is_right: bool) -> None:
    assert (not find(check_places, tmp_path, "docs/notes.md", text)) is is_right


def test_caches_and_environments_are_not_read(tmp_path: Path) -> None:
    assert not find(check_places, tmp_path, ".venv/lib/notes.md", "/ro" + "ot/data")


def test_this_checkout_breaks_no_rule() -> None:
    assert [str(finding) for rule in RULES for finding in rule(ROOT)] == []


@pytest.mark.parametrize(
    "markup",
    [
        "<script>alert(1)</script>",
        "<style>p { color: red }</style>",
        '<p class="quiet" style="color: red">',
        "<a\n style='color: red'>",
        '<button onclick="go()">',
        '<a href="javascript:go()">',
        "<p>{{ text | safe }}</p>",
        '<script src="https://cdn.example/x.js"></script>',
        '<img src="//cdn.example/x.png">',
    ],
)
def test_what_the_policy_blocks_is_found_in_a_template(tmp_path: Path, markup: str) -> None:
    assert find(check_templates, tmp_path, "app/dashboard/templates/events/list.html", markup)


def test_a_templates_own_ways_are_left_alone(tmp_path: Path) -> None:
    markup = (
        '<script src="{{ assets.script_href }}" defer></script><a href="{{ link(\'events.list\') }}" class="on">'
        "<p>{{ t('events.style') }} on = 1, only style = good</p>"
    )
    assert not find(check_templates, tmp_path, "app/dashboard/templates/events/list.html", markup)
