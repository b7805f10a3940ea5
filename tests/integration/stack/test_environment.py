"""scripts/environment: costs nothing when there is nothing to do, and says in words what stands in the way."""

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.stack.account import CAP_DAC_READ_SEARCH
from scripts.stack.child import LAUNCHER
from scripts.stack.procfile import ROOT

BASH = shutil.which("bash") or "bash"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout as far as the environment looks at it."""
    for name in ("requirements.lock", "pyproject.toml", "scripts/environment", "scripts/stack/environment.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def source(checkout: Path, then: str = ":", path: str | None = None) -> subprocess.CompletedProcess[str]:
    variables = {"PATH": os.environ["PATH"] if path is None else path}
    return subprocess.run(
        [BASH, "-c", f'source "{checkout}/scripts/environment"\n{then}'],
        capture_output=True,
        text=True,
        env=variables,
        cwd="/",
        check=False,
    )


def make_ready(checkout: Path) -> None:
    """A .venv that is up to date: the stamp is what the script itself asks for."""
    (checkout / ".venv/bin").mkdir(parents=True)
    (checkout / ".venv/bin/python").symlink_to(sys.executable)
    count = "cat requirements.lock pyproject.toml | cksum"
    summed = subprocess.run([BASH, "-c", count], capture_output=True, text=True, cwd=checkout, check=True)
    (checkout / ".venv/acequia.stamp").write_text(f"{checkout} {summed.stdout}")


def test_an_environment_that_is_up_to_date_is_used_as_it_is(checkout: Path) -> None:
    make_ready(checkout)
    told = source(checkout, 'echo "$ACEQUIA_ROOT"; command -v python')
    assert told.returncode == 0, told.stderr
    assert told.stdout.split() == [str(checkout), str(checkout / ".venv/bin/python")]
    assert told.stderr == ""


@pytest.mark.parametrize("change", ["requirements.lock", "pyproject.toml"])
def test_a_change_of_the_lock_or_the_project_is_noticed(checkout: Path, change: str) -> None:
    make_ready(checkout)
    with (checkout / change).open("a") as file:
        file.write("# changed\n")
    (checkout / "scripts/stack/environment.py").write_text("print('made again')")
    assert "made again" in source(checkout).stderr


def test_a_copied_environment_is_not_taken_for_ones_own(checkout: Path, tmp_path: Path) -> None:
    make_ready(checkout)
    copy = tmp_path / "copy"
    shutil.copytree(checkout, copy, symlinks=True, ignore=shutil.ignore_patterns("copy"))
    (copy / "scripts/stack/environment.py").write_text("print('made again')")
    assert "made again" in source(copy).stderr


def test_a_machine_without_python_is_told_what_is_needed(checkout: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("cat", "cksum", "dirname", "date"):
        (tools / name).symlink_to(shutil.which(name) or name)
    told = source(checkout, path=str(tools))
    assert told.returncode != 0
    assert "needs Python 3.11 or newer" in told.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_somebody_elses_checkout_is_told_in_words(checkout: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    numbers = map(str, (os.getpid(), 15, nobody.pw_uid, nobody.pw_gid, CAP_DAC_READ_SEARCH))
    told = subprocess.run(
        [*(sys.executable, "-I", "-S", str(LAUNCHER)), *numbers,
         *(sys.executable, "-I", str(checkout / "scripts/stack/environment.py"), "stamp")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 1
    assert "you may not write" in told.stdout
    assert "Clone the repository" in told.stdout
