"""`.ci/run`: a browser is installed where it is missing and may be, and without one everything else is still tested."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.browser.chromium import find_chromium
from scripts.stack.procfile import ROOT

TOOLS = ("bash", "env", "tail", "dirname", "cat", "chmod")
REFUSES = "echo 'E: cannot be fetched' >&2; exit 100"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine with hardly any program, and a checkout whose checks only say that they ran."""
    for folder in ("bin", "checkout/.ci", "checkout/scripts"):
        (tmp_path / folder).mkdir(parents=True)
    for name in TOOLS:
        found = shutil.which(name)
        assert found is not None
        (tmp_path / "bin" / name).symlink_to(found)
    shutil.copy(ROOT / ".ci/run", tmp_path / "checkout/.ci/run")
    for name in ("check", "test"):
        write_program(tmp_path / "checkout/scripts" / name, f"echo ran {name}")
    return tmp_path


def write_program(path: Path, text: str) -> None:
    path.write_text(f"#!{shutil.which('bash')}\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


def run_ci(machine: Path, **environment: str) -> str:
    done = subprocess.run(
        [machine / "checkout/.ci/run"], env={"PATH": str(machine / "bin"), **environment}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert done.stdout.endswith("ran check\nran test\n")
    return done.stdout


def test_where_nothing_can_be_installed_everything_else_is_tested(machine: Path) -> None:
    assert "the browser tests will be skipped" in run_ci(machine)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs without being asked")
def test_where_installing_fails_it_says_why_and_goes_on(machine: Path) -> None:
    write_program(machine / "bin/apt-get", REFUSES)
    told = run_ci(machine)
    assert "E: cannot be fetched" in told
    assert "the browser tests will be skipped" in told


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs without being asked")
def test_a_missing_browser_is_installed_without_a_question(machine: Path) -> None:
    chromium = machine / "bin/chromium"
    make = f"echo '#!/bin/sh' > {chromium}; chmod +x {chromium}"
    write_program(
        machine / "bin/apt-get", f"[[ $DEBIAN_FRONTEND = noninteractive && $* = *-y*install* ]] && {{ {make}; }}; :"
    )
    assert "skipped" not in run_ci(machine)
    assert chromium.exists()


def test_a_browser_that_is_there_is_left_alone(machine: Path) -> None:
    write_program(machine / "bin/apt-get", REFUSES)
    write_program(machine / "bin/my-browser", "")
    assert run_ci(machine, ACEQUIA_BROWSER="my-browser") == "ran check\nran test\n"


def test_the_browser_that_is_named_is_taken_and_no_other(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(machine / "bin"))
    assert find_chromium() is None
    write_program(machine / "bin/chromium", "")
    assert find_chromium() == machine / "bin/chromium"
    monkeypatch.setenv("ACEQUIA_BROWSER", "elsewhere")
    assert find_chromium() is None
