"""`scripts/up` and `scripts/down` as a user runs them: one command starts everything, one leaves nothing behind."""

import asyncio
import json
import os
import pty
import pwd
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from scripts.stack.account import CAP_DAC_READ_SEARCH
from scripts.stack.child import LAUNCHER, read_command_line, wait_until
from scripts.stack.first_people import read_dashboard_password
from scripts.stack.runfile import read_run_file
from scripts.stack.stack import USUAL_PORTS

pytestmark = pytest.mark.kill

UP = (sys.executable, "-m", "scripts.stack.up")
DOWN = (sys.executable, "-m", "scripts.stack.down")
START_S, STOP_S = 60.0, 10.0
PROCESSES = {"receiver", "web", "worker", "syncer", "sandbox", "postgres", "valkey"}


async def run(command: Sequence[str], *, folder: Path | None = None) -> tuple[int, str]:
    """Exit code and output of a command that ends."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=folder
    )
    output, _ = await asyncio.wait_for(process.communicate(), START_S)
    return process.returncode or 0, output.decode()


def read_run(data: Path) -> Any:
    content = read_run_file(data)
    assert content is not None, "nothing runs there"
    return content


async def fetch_ledger_rows(content: Any) -> int:
    connection = await asyncpg.connect(content["database_urls"]["postgres"])
    try:
        return int(await connection.fetchval("SELECT count(*) FROM events"))
    finally:
        await connection.close()


async def wait_for_rows(content: Any, more_than: int = 0, timeout_s: float = 30.0) -> int:
    async with asyncio.timeout(timeout_s):
        while (rows := await fetch_ledger_rows(content)) <= more_than:  # noqa: ASYNC110 - a poll of another process
            await asyncio.sleep(0.1)
    return rows


def is_alive(pids: Sequence[int]) -> bool:
    return any(read_command_line(pid) for pid in pids)


def list_pids(content: Any) -> list[int]:
    return [pid for pids in content["processes"].values() for pid in pids]


@pytest.fixture(scope="module")
async def data(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """A stack that runs in the background, started from another folder, with a usual port taken."""
    folder = tmp_path_factory.mktemp("up") / "data"
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", USUAL_PORTS["receiver"]))
            taken.listen()
        except OSError:
            pass  # somebody else has taken it: as good
        code, output = await run([*UP, "--data", str(folder), "--detach"], folder=Path("/"))
    assert code == 0, output
    yield folder
    await run([*DOWN, "--data", str(folder)])


async def test_what_runs_is_written_down_for_its_owner_only(data: Path) -> None:
    assert stat.S_IMODE((data / "run.json").stat().st_mode) == 0o600
    content = read_run(data)
    assert set(content) == {
        *("receiver_url", "web_url", "dashboard_url", "sandbox_url", "api_key", "redis_url", "database_urls"),
        *("processes", "people", "tenants"),
    }
    assert set(content["processes"]) == PROCESSES
    assert all(is_alive([pid]) for pid in list_pids(content))
    assert {"acequia_owner", "acequia_web", "acequia_worker", "acequia_keys"} <= set(content["database_urls"])
    assert [tenant["tenant_id"] for tenant in content["tenants"]] == [56, 57, 58, 59, 60]
    for tenant in content["tenants"]:
        endpoints = {endpoint["kind"]: endpoint for endpoint in tenant["endpoints"]}
        assert set(endpoints) == {"order_hook", "customer_trigger", "inline"}
        assert all(endpoint["url"].startswith(content["receiver_url"]) for endpoint in endpoints.values())
        assert endpoints["order_hook"]["header_name"]
        assert endpoints["order_hook"]["secret"]
        assert endpoints["inline"]["secret"].startswith("whsec_")


async def test_everything_answers_and_a_taken_port_is_passed_over(data: Path) -> None:
    content = read_run(data)
    assert content["receiver_url"] != f"http://127.0.0.1:{USUAL_PORTS['receiver']}"
    for name in ("receiver_url", "web_url", "sandbox_url"):
        with await asyncio.to_thread(urllib.request.urlopen, f"{content[name]}/healthz", timeout=5) as answer:
            assert answer.status == 200
    async with Redis.from_url(content["redis_url"]) as redis:
        assert await redis.ping()


async def test_the_api_answers_to_the_key_that_is_written_down(data: Path) -> None:
    content = read_run(data)
    request = urllib.request.Request(f"{content['web_url']}/api/v2/tenants")  # noqa: S310 - our own address
    request.add_header("Authorization", f"Bearer {content['api_key']}")
    with await asyncio.to_thread(urllib.request.urlopen, request, timeout=5) as answer:
        assert [tenant["id"] for tenant in json.load(answer)["data"]] == [56, 57, 58, 59, 60]
    with await asyncio.to_thread(urllib.request.urlopen, f"{content['web_url']}/readyz", timeout=5) as answer:
        assert json.load(answer)["checks"]["setup"] == "ok"


async def test_whoever_the_dashboard_lets_in_has_the_password_that_is_written_down(data: Path) -> None:
    content = read_run(data)
    assert stat.S_IMODE((data / "dashboard-password").stat().st_mode) == 0o600
    roles = {}
    for person in content["people"]:
        request = urllib.request.Request(f"{content['web_url']}/api/v2/session", method="POST")  # noqa: S310 - our own
        request.add_header("Content-Type", "application/json")
        request.data = json.dumps({"email": person["email"], "password": read_dashboard_password(data)}).encode()
        with await asyncio.to_thread(urllib.request.urlopen, request, timeout=5) as answer:
            assert answer.status == 201
        roles[person["role"]] = person["tenant_id"]
    assert roles == {"platform_admin": None, "operator": 56}


async def test_the_documents_trial_is_shown_over_its_limit(data: Path) -> None:
    content = read_run(data)
    request = urllib.request.Request(f"{content['web_url']}/api/v2/tenants/60")  # noqa: S310 - our own address
    request.add_header("Authorization", f"Bearer {content['api_key']}")
    with await asyncio.to_thread(urllib.request.urlopen, request, timeout=10) as answer:
        tenant = json.load(answer)["data"]
    # The traffic deletes one of them now and then.
    assert 1_270 < tenant["customer_count"] <= 1_286
    assert tenant["settings"]["max_customers"] == 1_000
    assert tenant["limits"]["customers"]["is_over"]


async def test_the_demos_hooks_are_set_and_shown(data: Path) -> None:
    content = read_run(data)
    url = f"{content['web_url']}/api/v2/tenant-integrations?tenant_id=56"
    request = urllib.request.Request(url)  # noqa: S310 - our own address
    request.add_header("Authorization", f"Bearer {content['api_key']}")
    with await asyncio.to_thread(urllib.request.urlopen, request, timeout=5) as answer:
        shown = json.load(answer)["data"]
    assert [(one["type"], one["hook"]["status"]) for one in shown] == [("vtex", "registered"), ("brand", "none")]


async def test_webhooks_become_rows(data: Path) -> None:
    assert await wait_for_rows(read_run(data)) > 0


async def test_every_role_can_log_in_and_none_of_ours_owns_anything(data: Path) -> None:
    for role, url in read_run(data)["database_urls"].items():
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SELECT current_user") == role
        is_super = await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        assert is_super is (role == "postgres")
        await connection.close()


async def test_a_second_one_on_the_same_folder_is_told_what_to_do(data: Path) -> None:
    for detached in ([], ["--detach"]):
        code, output = await run([*UP, "--data", str(data), *detached])
        assert code == 1
        assert "already running" in output
        assert "Traceback" not in output


@pytest.mark.parametrize("name", ["worker", "syncer", "receiver", "web", "sandbox", "valkey", "postgres"])
async def test_whoever_is_killed_is_started_again_and_rows_go_on(data: Path, name: str) -> None:
    (killed,) = read_run(data)["processes"][name]
    rows = await fetch_ledger_rows(read_run(data))
    os.kill(killed, signal.SIGKILL)

    def has_another() -> bool:
        pids = read_run(data)["processes"].get(name)
        return bool(pids) and pids != [killed]

    assert await wait_until(has_another, 20)
    assert await wait_for_rows(read_run(data), rows) > rows
    assert f"{name} (pid {killed}) was ended by SIGKILL" in (data / "up.log").read_text()


async def test_no_secret_is_on_a_command_line_or_in_a_log(data: Path) -> None:
    content = read_run(data)
    passwords = json.loads((data / "passwords.json").read_text())
    secrets = [*passwords.values(), *(e["secret"] for t in content["tenants"] for e in t["endpoints"] if e["secret"])]
    secrets += [endpoint["url"].rpartition("/")[2] for tenant in content["tenants"] for endpoint in tenant["endpoints"]]
    secrets += [content["api_key"], read_dashboard_password(data)]
    seen = " ".join(read_command_line(pid) or "" for pid in list_pids(content))
    logs = [data / "up.log", *(data / "logs").iterdir()]
    seen += " ".join(path.read_text(errors="replace") for path in logs)
    assert not [secret for secret in secrets if secret in seen]


async def test_down_stops_everything_in_time_and_up_resumes_with_the_data_kept(data: Path) -> None:
    before, password = read_run(data), read_dashboard_password(data)
    rows = await wait_for_rows(before)
    started_at = time.monotonic()
    code, output = await run([*DOWN, "--data", str(data)])
    assert code == 0, output
    assert time.monotonic() - started_at < STOP_S
    assert not is_alive(list_pids(before))
    assert read_run_file(data) is None
    assert (await run([*DOWN, "--data", str(data)]))[0] == 0

    code, output = await run([*UP, "--data", str(data), "--detach", "--no-traffic"])
    assert code == 0, output
    after = read_run(data)
    assert list_secrets(after) == list_secrets(before)
    assert after["api_key"] == before["api_key"]
    assert after["people"] == before["people"]
    assert read_dashboard_password(data) == password
    assert (data / "api-key").read_text(encoding="ascii") == before["api_key"]
    assert await fetch_ledger_rows(after) >= rows


async def test_fresh_starts_over(data: Path) -> None:
    before = read_run(data)
    await run([*DOWN, "--data", str(data)])
    code, output = await run([*UP, "--data", str(data), "--detach", "--fresh", "--no-traffic"])
    assert code == 0, output
    assert list_secrets(read_run(data)) != list_secrets(before)
    assert read_run(data)["api_key"] != before["api_key"]
    assert await fetch_ledger_rows(read_run(data)) == 0


def list_secrets(content: Any) -> list[str]:
    return [endpoint["url"].rpartition("/")[2] for tenant in content["tenants"] for endpoint in tenant["endpoints"]]


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(ours)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_on_a_terminal_one_screen_shows_it_and_a_signal_stops_it(
    tmp_path: Path, terminal: tuple[int, int], number: signal.Signals
) -> None:
    ours, theirs = terminal
    shown = bytearray()
    asyncio.get_running_loop().add_reader(ours, lambda: shown.extend(os.read(ours, 65_536)))
    process = subprocess.Popen(
        [*UP, "--data", str(tmp_path / "data")], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    try:
        assert await wait_until(lambda: b"Acequia is running" in shown and b"Chelsea" in shown, START_S), shown.decode()
        content = read_run(tmp_path / "data")
        assert content["receiver_url"].encode() in shown
        assert b"Ctrl-C stops everything" in shown
    finally:
        process.send_signal(number)
        is_stopped = await wait_until(lambda: process.poll() is not None, STOP_S)
        asyncio.get_running_loop().remove_reader(ours)
        os.close(theirs)
    assert is_stopped
    assert process.returncode == 0
    assert not is_alive(list_pids(content))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells children of a parent's death on Linux only")
async def test_nothing_outlives_a_supervisor_that_is_killed_and_the_next_one_starts(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for _ in range(2):
        process = subprocess.Popen([*UP, "--data", str(data)], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        assert await wait_until(lambda: read_run_file(data) is not None, START_S)
        content = read_run(data)
        process.kill()
        process.wait()
        assert await wait_until(lambda: not is_alive(list_pids(content)), STOP_S)  # noqa: B023
        (data / "run.json").unlink()  # the killed one could not


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test here has shown it already")
async def test_an_ordinary_user_can_run_it(tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    os.chown(data, nobody.pw_uid, nobody.pw_gid)
    # Reading is allowed, as it is to a user in a home of their own: this environment may lie below root's.
    numbers = map(str, (os.getpid(), signal.SIGTERM, nobody.pw_uid, nobody.pw_gid, CAP_DAC_READ_SEARCH))
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(LAUNCHER), *numbers, *UP, "--data", str(data)],
        stdout=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "HOME": str(data)},
    )
    try:
        assert await wait_until(lambda: read_run_file(data) is not None or process.poll() is not None, START_S)
        content = read_run(data)
        assert {Path(f"/proc/{pid}").stat().st_uid for pid in list_pids(content)} == {nobody.pw_uid}
        await wait_for_rows(content)
    finally:
        process.terminate()
        assert process.wait(STOP_S) == 0
    assert not is_alive(list_pids(content))


async def test_options_that_exclude_each_other_are_told() -> None:
    code, output = await run([*UP, "--smoke", "--detach"])
    assert code == 2
    assert "--smoke makes its own folder" in output
