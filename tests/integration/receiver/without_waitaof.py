"""The receiver with WAITAOF taken out: what the durability tests must be able to tell from the real one."""

from unittest import mock

from app.core.queue_records import Confirm
from app.core.settings import Settings
from app.receiver.__main__ import main


def confirm_nothing(settings: Settings) -> Confirm | None:
    del settings
    return None


if __name__ == "__main__":
    with (
        mock.patch("app.receiver.appender.make_confirm", confirm_nothing),
        mock.patch("app.receiver.app.make_confirm", confirm_nothing),
    ):
        main()
