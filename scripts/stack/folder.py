"""The data folder: made for us alone, held by one `up` at a time, emptied only when it is ours."""

import fcntl
import os
import shutil
from pathlib import Path

from scripts.stack.child import wait_until

MARK = "passwords.json"  # the first file we write into a new data folder


class FolderProblem(Exception):  # noqa: N818 - a sentence for the user, not a fault of the program
    """The data folder cannot be used; the message says why and what to do."""


class DataFolder:
    """`DIR` of `scripts/up --data DIR`."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.log_path = self.path / "up.log"  # of one that runs in the background
        self._lock_path = self.path / "up.lock"
        self._descriptor: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether this object holds the folder."""
        return self._descriptor is not None

    def make(self) -> None:
        """Makes the folder if it is missing. Raises FolderProblem when it is not ours or cannot be written."""
        try:
            if not self.path.exists():
                self.path.mkdir(parents=True)
                # Root's servers run as another account, which must be able to pass through; nothing in it is readable.
                self.path.chmod(0o711 if os.geteuid() == 0 else 0o700)
            elif any(self.path.iterdir()) and not (self.path / MARK).exists() and not self._lock_path.exists():
                raise FolderProblem(f"{self.path} holds something else: name an empty or a new folder with --data DIR.")
            os.close(os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600))
        except (PermissionError, NotADirectoryError, FileExistsError) as error:
            raise FolderProblem(
                f"{self.path} cannot be used ({error.strerror}): name a folder of yours with --data DIR."
            ) from None

    def take(self) -> None:
        """Makes the folder and holds it. Raises FolderProblem, also when somebody else holds it."""
        self.make()
        descriptor = os.open(self._lock_path, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode() or "?"
            os.close(descriptor)
            raise FolderProblem(
                f"Acequia is already running on {self.path} (pid {holder}). Stop it with"
                f" `scripts/down --data {self.path}`, or name another folder with --data DIR."
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def clear(self) -> None:
        """Removes all data. Only for a folder that `take` gave us."""
        assert self._descriptor is not None, "the folder must be held"
        for path in self.path.iterdir():
            if path in (self._lock_path, self.log_path):
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    def find_holder(self) -> int | None:
        """The process that holds the folder, None when nobody does."""
        try:
            descriptor = os.open(self._lock_path, os.O_RDWR)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            text = os.read(descriptor, 20).decode()
            return int(text) if text.isdigit() else None
        finally:
            os.close(descriptor)
        return None

    async def wait_released(self, timeout_s: float) -> bool:
        return await wait_until(lambda: self.find_holder() is None, timeout_s)
