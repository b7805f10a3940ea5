"""Children: they die with their parent, and one that ends is started again, later each time."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from scripts.stack.child import read_command_line, wait_until
from scripts.stack.part import OurProcess
from scripts.stack.ports import find_free_port
from scripts.stack.probe import fetch_status
from scripts.stack.supervisor import Supervisor

SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def make_process(tmp_path: Path, code: str = SERVER) -> OurProcess:
    return OurProcess(
        "answerer",
        lambda port: [sys.executable, "-c", code, str(port)],
        lambda _: {},
        port=find_free_port(),
        log_path=tmp_path / "answerer.log",
    )


async def test_a_process_that_is_killed_is_started_again_and_the_screen_says_so(tmp_path: Path) -> None:
    told: list[str] = []
    supervisor = Supervisor(told.append, lambda: None)
    process = make_process(tmp_path)
    await supervisor.start("answerer", process)
    killed = await supervisor.kill("answerer")
    assert await wait_until(lambda: any("runs again" in line for line in told), 10)
    (running,) = supervisor.processes["answerer"]
    assert running != killed
    assert "was ended by SIGKILL" in told[0]
    assert await fetch_status(process.port) == 200
    await supervisor.stop(["answerer"])
    assert read_command_line(running) is None


async def test_the_wait_before_a_new_start_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("scripts.stack.supervisor.DELAY_FIRST_S", 0.01)
    supervisor = Supervisor(told.append, lambda: None)
    await supervisor.start("answerer", make_process(tmp_path))
    for number in range(3):
        await supervisor.kill("answerer")
        expected = number + 1
        assert await wait_until(lambda: supervisor.restarts == expected and "runs again" in told[-1], 10)  # noqa: B023
    await supervisor.stop(["answerer"])
    assert [line.rpartition(" in ")[2] for line in told if "started again" in line] == ["0.01 s", "0.02 s", "0.04 s"]


async def test_a_process_that_cannot_start_says_why(tmp_path: Path) -> None:
    supervisor = Supervisor(lambda _: None, lambda: None)
    with pytest.raises(RuntimeError, match=r"exit code 3(?s:.*)REDIS_URL is wrong"):
        await supervisor.start("answerer", make_process(tmp_path, "print('REDIS_URL is wrong'); raise SystemExit(3)"))


async def test_one_that_ignores_sigterm_is_killed_in_time(tmp_path: Path) -> None:
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SERVER
    supervisor = Supervisor(lambda _: None, lambda: None)
    await supervisor.start("answerer", make_process(tmp_path, stubborn))
    (pid,) = supervisor.processes["answerer"]
    async with asyncio.timeout(5):
        await supervisor.stop(["answerer"], timeout_s=0.3)
    assert read_command_line(pid) is None


async def test_a_port_taken_before_the_first_start_is_replaced(tmp_path: Path) -> None:
    first, second = make_process(tmp_path), make_process(tmp_path)
    second.port = first.port
    supervisor = Supervisor(lambda _: None, lambda: None)
    await supervisor.start("answerer", first)
    await supervisor.start("answerer", second)
    assert first.port != second.port
    assert await fetch_status(second.port) == 200
    await supervisor.stop(["answerer"])


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells children of a parent's death on Linux only")
async def test_no_server_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    program = textwrap.dedent("""
        import asyncio, sys, time
        from pathlib import Path
        from scripts.stack.postgres import EmbeddedPostgres
        from scripts.stack.valkey import EmbeddedValkey

        async def main():
            servers = EmbeddedPostgres(Path(sys.argv[1])), EmbeddedValkey(Path(sys.argv[1]))
            await asyncio.gather(*(server.start() for server in servers))
            print(*(server.child.pid for server in servers), flush=True)
            await asyncio.sleep(600)

        asyncio.run(main())
    """)
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pids = [int(word) for word in (await asyncio.to_thread(parent.stdout.readline)).split()]
        assert len(pids) == 2
        os.kill(parent.pid, signal.SIGKILL)
    assert await wait_until(lambda: not any(read_command_line(pid) for pid in pids), 10)
