"""A connector is one folder: without it, everything else is as it was. Tried on a copy of the tree, in processes.

What is left maps and judges every fixture as before. Of the connectors that nothing outside their folder knows, none is
missed by any process; the receiver and the services still know VTEX's hooks and a brand's documents by name.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.connectors.registry import list_connectors

ROOT = Path(__file__).parents[3]
FOLDERS = ("app", "db", "schemas", "scripts", "workers")
FIXTURES = Path(__file__).parent / "fixtures"
NAMES = list(list_connectors())
MISSED_BY_NOBODY = ("facebook_ads", "google_ads", "mercadolibre")
PROCESSES = "import app.main, app.receiver.app, scripts.cli, workers.main"

# Prints what every connector makes of its fixtures.
TELL = """
import json, sys
from pathlib import Path
import app
from app.connectors.registry import list_connectors
from app.connectors.verdict import read_answer
from app.core.errors import MappingError

assert Path(app.__file__).is_relative_to(sys.argv[1]), "the copy is what is looked at"

def tell(mapper, document):
    try:
        return repr(mapper(document))
    except MappingError as error:
        return str(error)

def look(connector, path):
    case, folder = json.loads(path.read_text()), path.parent.name
    if folder == "errors":
        return str(connector.classify(read_answer(json.dumps(case["answer"]).encode())))
    mappers = {**connector.mappers, **{report.name: report.map_rows for report in connector.reports}}
    return tell(mappers[folder], case["document"])

found = {
    name: {str(path): look(connector, path) for path in sorted(Path(sys.argv[2], name).glob("*/*.json"))}
    for name, connector in list_connectors().items()
}
print(json.dumps(found))
"""


def run_in(tree: Path, code: str, *arguments: str) -> str:
    """What the code prints with the tree's packages in place of the installed ones."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", code, *arguments]
    result = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def tell(tree: Path) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(run_in(tree, TELL, str(tree), str(FIXTURES)))
    return found


@pytest.fixture(scope="module")
def whole() -> dict[str, dict[str, str]]:
    return tell(ROOT)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_the_others_do_not_miss_a_connectors_folder(tree: Path, whole: dict[str, Any], name: str) -> None:
    assert len(whole[name]) > 1
    shutil.rmtree(tree / "app/connectors" / name)
    assert tell(tree) == {other: cases for other, cases in whole.items() if other != name}
    if name in MISSED_BY_NOBODY:
        run_in(tree, PROCESSES)


def test_a_copy_that_misses_something_is_found_out(tree: Path) -> None:
    (tree / "app/connectors/money.py").unlink()
    with pytest.raises(AssertionError, match=r"No module named 'app\.connectors\.money'"):
        tell(tree)
