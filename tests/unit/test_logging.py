"""Log lines: JSON on stderr, without personal data and secrets, also in errors of libraries."""

import json
import logging

import pytest

from app.core.errors import DurabilityError
from app.core.logging import configure_logging, get_logger

CANARIES = (
    "canary@example.com",
    "whsec_c2VjcmV0c2VjcmV0c2VjcmV0",
    "aqe_" + "c4n4ry" * 5,
    "hunter2",
    "Ana María Canary",
)


@pytest.fixture(autouse=True)
def _restore_logging():  # type: ignore[no-untyped-def]
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def read_lines(capture: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capture.readouterr().err.splitlines()]


def test_a_line_is_json_with_its_event_time_and_process(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("worker", "info")
    get_logger().info("events.applied", tenant=56, count=12)
    get_logger().debug("too.fine")
    (line,) = read_lines(capsys)
    assert {name: line[name] for name in ("event", "level", "process", "tenant", "count")} == {
        "event": "events.applied", "level": "info", "process": "worker", "tenant": 56, "count": 12,
    }  # fmt: skip
    assert "at" in line


def test_no_canary_passes(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("worker", "info")
    email, secret, token, password, name = CANARIES
    log = get_logger()
    log.info("a.text", reason=f"sent to {email} with {secret} at /webhooks/vtex/{token}")
    log.info(
        "a.key", email="x", body=name, headers={"cookie": password}, name=name, nested={"token": token, "ok": email}
    )
    log.info("some.values", items=[email, token, b"Ana"], url=f"redis://u:{password}@host")
    logging.getLogger("some.library").warning("cannot connect to redis://u:%s@host for %s", password, email)
    try:
        raise ValueError(f"duplicate key ({name}, {email})")
    except ValueError:
        log.exception("an.error", tenant=56)
    try:
        raise RuntimeError(password)
    except RuntimeError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    written = capsys.readouterr().err
    assert written.count("\n") == 6
    for canary in (*CANARIES, "u:hunter2"):
        assert canary not in written
    assert "ValueError" in written
    assert "test_logging.py" in written


def test_our_own_errors_keep_their_message(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("receiver", "info")
    try:
        raise DurabilityError("Fsync confirmed by 0 of 1 primary.")
    except DurabilityError:
        get_logger().exception("append.failed")
    (line,) = read_lines(capsys)
    assert line["error_message"] == "Fsync confirmed by 0 of 1 primary."
