"""`scripts/up`: starts the stack, shows what happens, stops it on Ctrl-C or SIGTERM."""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from asyncpg.exceptions import PostgresError

from app.core.ending import end_tasks
from app.core.errors import AcequiaError
from scripts.stack.child import wait_until
from scripts.stack.demo_volumes import SCALE, SCALE_MAX
from scripts.stack.folder import DataFolder, FolderProblem
from scripts.stack.given import find_given_servers
from scripts.stack.installation import forget_settings
from scripts.stack.procfile import ROOT
from scripts.stack.runfile import read_run_file
from scripts.stack.screen import Screen, describe_call, describe_sign_in, make_screen
from scripts.stack.stack import Stack, StackOptions

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
DETACH_TIMEOUT_S = 90.0
END_TIMEOUT_S = 3.0


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/up",
        description="Starts Acequia with its own PostgreSQL, Valkey and a VTEX sandbox that sends traffic.",
        epilog="Running it again resumes with the data kept. With DATABASE_URL, MIGRATION_DATABASE_URL and"
        " KEYS_DATABASE_URL, or REDIS_URL, set it uses your servers instead (README, Run it for real).",
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="where data lives (default: .data in the checkout)")
    parser.add_argument("--fresh", action="store_true", help="start over: removes what is in the data folder")
    parser.add_argument("--detach", action="store_true", help="run in the background; scripts/down stops it")
    parser.add_argument("--no-traffic", action="store_true", help="keep the sandbox quiet")
    parser.add_argument(
        "--scale",
        type=float,
        default=SCALE,
        metavar="F",
        help="how much of the document's volumes the simulated stores hold: 1 is 150,022 customers of five brands"
        " and three orders for each (default: %(default)s). Keep to one with the data you keep",
    )
    smoke = parser.add_argument_group("smoke test: the same stack in a throw-away folder on free ports")
    smoke.add_argument("--smoke", action="store_true", help="send webhooks, account for every one, print a summary")
    smoke.add_argument("--events", type=int, default=2_000, metavar="N", help="webhooks to send (default: %(default)s)")
    smoke.add_argument("--rate", type=float, default=100.0, metavar="R", help="per second (default: %(default)s)")
    smoke.add_argument(
        "--provider-latency-ms", type=float, metavar="L", help="the sandbox's answer time (default: real)"
    )
    smoke.add_argument("--json", action="store_true", help="the summary's last line as JSON")
    options = parser.parse_args(arguments)
    if options.smoke and (options.data or options.fresh or options.detach or options.no_traffic):
        parser.error("--smoke makes its own folder and stops by itself: it goes with none of the other options")
    if not 0 < options.scale <= SCALE_MAX:
        parser.error(f"--scale is more than 0, at most {SCALE_MAX:g}")
    if options.events < 1 or options.rate <= 0:
        parser.error("--events and --rate must be greater than zero")
    return options


async def run_stack(options: argparse.Namespace, folder: Path, screen: Screen) -> int:
    given = find_given_servers(os.environ)
    forget_settings()
    stack = Stack(
        StackOptions(
            folder=folder,
            is_fresh=options.fresh,
            has_traffic=not options.no_traffic,
            has_history=True,
            scale=options.scale,
            given=given,
        ),
        screen.tell,
    )
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stopping.set)
    work = asyncio.create_task(start_and_show(stack, screen))
    waiting = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
    finally:
        await end_tasks([work, waiting], timeout_s=END_TIMEOUT_S)
        screen.close()
        if stack.folder.is_held:
            print("Stopping everything.", flush=True)
            await stack.stop()
            print(f"Stopped. The data stays in {folder}.", flush=True)
        elif stopping.is_set():
            print("Stopped before everything was ready.", flush=True)
    return 0


async def start_and_show(stack: Stack, screen: Screen) -> None:
    await stack.start()
    await screen.show(stack)


def detach(arguments: Sequence[str], folder: Path) -> int:
    """Starts the same command in the background and waits until it is ready. The exit code."""
    data_folder = DataFolder(folder)
    data_folder.take()  # to be told now, and not by a log, why it cannot be had
    data_folder.release()
    log_path = data_folder.log_path
    remaining = [word for word in arguments if word != "--detach"]
    process = start_in_background([sys.executable, "-m", "scripts.stack.up", *remaining], log_path)
    code = asyncio.run(wait_until_ready(process, folder))
    content = read_run_file(folder)
    if code is not None or content is None:
        end = log_path.read_text(encoding="utf-8").strip().splitlines()[-20:]
        print("\n".join([*end, f"scripts/up did not start. Its log: {log_path}"]), file=sys.stderr)
        return code or 1
    print(f"Running in the background (pid {process.pid}).")
    sign_in = describe_sign_in(folder, content["dashboard_url"], is_screen=sys.stdout.isatty())
    print(f"  dashboard {sign_in}")
    print(f"  receiver  {content['receiver_url']}\n  web       {content['web_url']}")
    print(f"  API       {content['web_url']}/api/v2/docs")
    print(f"  try it    {describe_call(folder, content['web_url'])}")
    print(f"  sandbox   {content['sandbox_url']}\n  all URLs  {folder / 'run.json'}\n  log       {log_path}")
    print(f"Stop it with: scripts/down --data {folder}")
    return 0


def start_in_background(command: Sequence[str], log_path: Path) -> subprocess.Popen[bytes]:
    """In a session of its own: the end of the terminal does not reach it."""
    with log_path.open("wb") as log:
        log_path.chmod(0o600)
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )


async def wait_until_ready(process: subprocess.Popen[bytes], folder: Path) -> int | None:
    """None when run.json is there; otherwise the exit code."""
    await wait_until(lambda: process.poll() is not None or read_run_file(folder) is not None, DETACH_TIMEOUT_S)
    return process.poll()


def main(arguments: Sequence[str] | None = None) -> int:
    words = sys.argv[1:] if arguments is None else list(arguments)
    options = parse_arguments(words)
    folder = (options.data or ROOT / ".data").absolute()
    try:
        if options.smoke:
            from scripts.smoke import run_smoke  # noqa: PLC0415 - not needed, and not paid for, otherwise

            # As Ctrl-C: what was started is stopped, and the throw-away folder goes.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            return asyncio.run(
                run_smoke(
                    events=options.events,
                    rate=options.rate,
                    provider_latency_ms=options.provider_latency_ms,
                    is_json=options.json,
                )
            )
        if options.detach:
            return detach(words, folder)
        return asyncio.run(run_stack(options, folder, make_screen()))
    except KeyboardInterrupt:
        return 130
    except (FolderProblem, AcequiaError, PostgresError, OSError, RuntimeError, ValueError) as problem:
        print(f"acequia: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
