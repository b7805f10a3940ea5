"""The receiver whose connections nobody looks at: what the test of slow callers must be able to tell."""

from typing import Any
from unittest import mock

from app.receiver.__main__ import main


async def look_at_nothing(connections: set[Any], timeout_s: float) -> None:
    del connections, timeout_s


if __name__ == "__main__":
    with mock.patch("app.receiver.server.close_stalled", look_at_nothing):
        main()
