"""Ports: free ones, and never the same one for two stacks that start together."""

import socket
import subprocess
import sys

import pytest

from scripts.stack import ports
from scripts.stack.ports import find_free_port, is_port_free

PROGRAM = """
import sys
from scripts.stack.ports import find_free_port
print(find_free_port(int(sys.argv[1])), flush=True)
sys.stdin.read()
"""


def test_a_port_that_is_taken_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not is_port_free(port)
        assert find_free_port(port) > port


def test_two_parts_of_one_stack_get_different_ports() -> None:
    first = find_free_port()
    assert find_free_port(first, taken={first}) != first


def choose_in_another_process(port: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", PROGRAM, str(port)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux's")
@pytest.mark.parametrize("is_protected", [True, False])
def test_two_processes_that_choose_at_once_choose_differently(
    monkeypatch: pytest.MonkeyPatch, is_protected: bool
) -> None:
    if not is_protected:
        monkeypatch.setattr(ports, "reserve_port", lambda _: True)
    with choose_in_another_process(find_free_port() + 1) as other:
        assert other.stdout is not None
        theirs = int(other.stdout.readline())
        assert is_port_free(theirs)  # chosen, not bound yet
        assert (find_free_port(theirs) != theirs) is is_protected
        other.communicate()
