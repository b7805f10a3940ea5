"""Makes or updates .venv from requirements.lock. Run as a file by any Python ≥ 3.11: standard library only.

1. take turns: two scripts started at once make one environment;
2. a virtual environment without pip (some systems ship neither pip nor ensurepip);
3. uv, from the lock with its hashes, by the system's pip or by ensurepip;
4. the whole lock by uv, hashes required; by pip when uv fails where pip's configuration is the only one there is;
5. our own project, editable; a stamp that says for which lock this was done.
"""

import fcntl
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / "acequia.stamp"


class EnvironmentProblem(Exception):  # noqa: N818 - a sentence for the user, not a fault of the program
    """What stands in the way, and what to do about it."""


def say(text: str) -> None:
    print(text, flush=True)


def run(command: Sequence[str | Path], variables: Mapping[str, str] | None = None, *, is_quiet: bool = False) -> bool:
    """Whether the command succeeded. Quiet: its output is shown only when it failed."""
    output = subprocess.PIPE if is_quiet else None
    told = subprocess.run(
        [str(word) for word in command],
        env=os.environ | dict(variables or {}),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if is_quiet else None,
        check=False,
    )
    if told.returncode and told.stdout:
        say(told.stdout.decode("utf-8", "replace").rstrip())
    return told.returncode == 0


@contextmanager
def take_turn() -> Iterator[None]:
    """Holds a lock on the lock file itself: nothing is written for it."""
    with LOCK.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another script is making the environment; waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def check_place() -> None:
    """Raises EnvironmentProblem when this account may not write the environment."""
    place = VENV if VENV.exists() else ROOT
    if os.access(place, os.W_OK):
        return
    owner = place.stat().st_uid
    raise EnvironmentProblem(
        f"{VENV} is missing or out of date, and you may not write to {place} (it belongs to user {owner}). Clone the"
        " repository to a folder of your own, or have the owner run scripts/up once."
    )


def make_venv() -> None:
    version_check = "import sys; sys.exit(sys.version_info < (3, 11))"
    if PYTHON.exists() and run([PYTHON, "-I", "-c", version_check], is_quiet=True):
        return
    say(f"Making {VENV} with Python {sys.version.split()[0]}")
    if not run([sys.executable, "-I", "-m", "venv", "--without-pip", "--clear", VENV], is_quiet=True):
        raise EnvironmentProblem(f"{sys.executable} could not make a virtual environment in {VENV}.")


def find_pip() -> list[str | Path] | None:
    """A command that runs a pip for .venv. None when this system has none and cannot make one."""
    outside: list[str | Path] = [sys.executable, "-m", "pip", "--python", PYTHON]
    if probe([sys.executable, "-m", "pip", "--python", PYTHON, "--version"]):
        return outside
    inside: list[str | Path] = [PYTHON, "-m", "pip"]
    if probe([*inside, "--version"]) or probe([PYTHON, "-m", "ensurepip"]):
        return inside
    return None


def probe(command: Sequence[str | Path]) -> bool:
    return subprocess.run([str(word) for word in command], capture_output=True, check=False).returncode == 0


def read_requirement(name: str) -> str:
    """One package's entry of the lock, with all its hashes."""
    found = re.search(rf"(?ms)^{name}==.*?(?=^\S|\Z)", LOCK.read_text(encoding="utf-8"))
    if found is None:
        raise EnvironmentProblem(f"{LOCK.name} does not name {name}.")
    return found.group()


def install_uv(pip: list[str | Path] | None) -> bool:
    wanted = read_requirement("uv")
    version = wanted.split()[0].removeprefix("uv==")
    if UV.exists():
        told = subprocess.run([UV, "--version"], capture_output=True, text=True, check=False).stdout.split()
        if version in told:
            return True
    if pip is None:
        raise EnvironmentProblem(
            "This Python has neither pip nor ensurepip, so nothing can be installed. Install pip (on Debian and Ubuntu:"
            " python3-pip or python3-venv) and run this again."
        )
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(wanted)
        file.flush()
        return run([*pip, "install", "--quiet", "--no-deps", "--require-hashes", "-r", file.name])


def find_index_settings() -> dict[str, str]:
    """uv reads no configuration of pip's: an index that only pip was told of is passed on. Like pip, it is to trust the
    system's certificates: a company's own proxy is known there and nowhere else."""
    certificates = {} if "UV_SYSTEM_CERTS" in os.environ else {"UV_SYSTEM_CERTS": "true"}
    if any(name in os.environ for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_NO_INDEX", "UV_OFFLINE")):
        return certificates
    told = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    found = re.findall(r"(?m)^(?::env:|global|user|site|install)\.index.url='(.*)'$", told)
    return certificates | ({"UV_DEFAULT_INDEX": found[-1]} if found else {})


def install_lock() -> None:
    say(f"Installing the packages of {LOCK.name}")
    pip = find_pip()
    if install_uv(pip) and run(
        [UV, "pip", "install", "--python", PYTHON, "--require-hashes", "--no-deps", "-r", LOCK], find_index_settings()
    ):
        return
    if pip is not None:
        say("uv could not install the packages; trying pip, which takes longer.")
        if run([*pip, "install", "--quiet", "--require-hashes", "--no-deps", "-r", LOCK]):
            return
    raise EnvironmentProblem(
        "The packages could not be installed. Look at the messages above: most often there is no network, or pip's"
        " index, proxy or certificates need to be configured. Then run this again; what was downloaded is kept."
    )


def install_project() -> None:
    """Our own project, editable. Its build backend is uv's own, so nothing more is downloaded."""
    command: list[str | Path] = [
        UV,
        "pip",
        "install",
        "--python",
        PYTHON,
        "--no-deps",
        "--no-build-isolation",
        "--offline",
    ]
    if not run([*command, "-e", ROOT], is_quiet=True):
        raise EnvironmentProblem("The project itself could not be installed into .venv: see above.")


def main(stamp: str) -> int:
    started_at = time.monotonic()
    try:
        check_place()
        with take_turn():
            if PYTHON.exists() and STAMP.exists() and STAMP.read_text(encoding="utf-8").strip() == stamp:
                return 0
            make_venv()
            install_lock()
            install_project()
            STAMP.write_text(stamp + "\n", encoding="utf-8")
    except EnvironmentProblem as problem:
        say(f"acequia: {problem}")
        return 1
    say(f"The environment is ready ({time.monotonic() - started_at:.1f} s).")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
