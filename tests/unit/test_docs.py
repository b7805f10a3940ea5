"""Documentation that is tested: what exists is described, and what is described exists."""

import re
from pathlib import Path
from typing import get_args

from app.connectors.vtex.findings import MEANINGS, FindingCode
from app.core.errors import AcequiaError
from scripts.cli import app
from scripts.describe_connectors import describe_connectors
from scripts.describe_roles import describe_roles
from scripts.describe_settings import describe_settings

ROOT = Path(__file__).parents[2]


def list_error_codes() -> set[str]:
    found, open_classes = set(), [AcequiaError]
    while open_classes:
        current = open_classes.pop()
        found.add(current.code)
        open_classes.extend(current.__subclasses__())
    return found


def test_the_settings_page_is_what_the_settings_class_says() -> None:
    assert (ROOT / "docs/settings.md").read_text(encoding="utf-8") == describe_settings()


def test_the_connectors_page_is_what_the_declarations_say() -> None:
    assert (ROOT / "docs/connectors.md").read_text(encoding="utf-8") == describe_connectors()
    assert set(MEANINGS) == set(get_args(FindingCode))


def test_the_table_of_roles_is_what_the_roles_may_do() -> None:
    assert describe_roles() in (ROOT / "docs/api.md").read_text(encoding="utf-8")


def test_every_error_code_is_described() -> None:
    text = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    missing = {code for code in list_error_codes() if f"`{code}`" not in text}
    assert not missing, f"docs/errors.md does not describe {sorted(missing)}"


def test_every_top_folder_says_what_lives_in_it() -> None:
    folders = ("app", "workers", "schemas", "db", "scripts", "tests")
    missing = [folder for folder in folders if not (ROOT / folder / "README.md").is_file()]
    assert not missing


def test_every_metric_is_described() -> None:
    sources = [path for folder in ("app", "workers", "db") for path in (ROOT / folder).rglob("*.py")]
    pattern = re.compile(r"\b(?:Counter|Gauge|Histogram)\(\s*\"(acequia_[a-z_]+)\"")
    names = {name for path in sources for name in pattern.findall(path.read_text(encoding="utf-8"))}
    text = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    assert len(names) > 10
    assert not {name for name in names if f"`{name}`" not in text}


def test_every_command_line_verb_is_described() -> None:
    text = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    assert not {verb for verb in list_verbs() if f"`acequia {verb}" not in text}


def list_verbs() -> set[str]:
    groups = {group.name: group.typer_instance for group in app.registered_groups}
    verbs = {str(command.name) for command in app.registered_commands}
    for name, group in groups.items():
        assert group is not None
        verbs |= {f"{name} {command.name}" for command in group.registered_commands}
    return verbs


def test_every_promise_names_tests_that_exist() -> None:
    text = (ROOT / "docs/promises.md").read_text(encoding="utf-8")
    assert all(f"| P{number} |" in text for number in range(1, 9))
    named = re.findall(r"`((?:tests|docs)/[\w/.]+\.(?:py|md))`", text)
    assert len(named) > 10
    assert not [path for path in named if not (ROOT / path).is_file()]
