"""The search: every byte of every place, and whatever unpacks in it."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.acceptance.traces.canaries import Needle
from tests.acceptance.traces.postgres_files import drop_empty_pages, join_log, join_toast, unpack_images
from tests.acceptance.traces.unpack import (
    NotPackedError,
    find_lzf,
    find_pglz,
    unpack_deflated,
    unpack_lzf,
    unpack_pglz_value,
)


class Finding(NamedTuple):
    """`place`: a file, a table, a page. `form`: how the canary stood there."""

    canary: str
    place: str
    form: str


class Search:
    """Collects findings. `unpacked` counts what was compressed, so that a test sees that something was."""

    def __init__(self, needles: Iterable[Needle]) -> None:
        self._needles = list(needles)
        self._packed_seen: set[bytes] = set()
        self._pages_seen: set[bytes] = set()
        self.findings: set[Finding] = set()
        self.bytes_searched = 0
        self.unpacked = {"pglz": 0, "lzf": 0, "deflate": 0, "image": 0, "toast": 0}

    def look_at(self, place: str, data: bytes) -> None:
        """Plain bytes and the deflated streams in them."""
        self._look(place, data, "")
        self._look_at_all(place, "deflate", unpack_deflated(data))

    def look_at_text(self, place: str, text: str) -> None:
        self.look_at(place, text.encode("utf-8", "surrogatepass"))

    def look_at_postgres(self, folder: Path, toast_paths: Iterable[str]) -> None:
        """A data folder, its server stopped. `toast_paths`: of TOAST tables' files, below the folder."""
        for path in _list_files(folder):
            place = f"postgres/{path.relative_to(folder)}"
            for pages in drop_empty_pages(path.read_bytes(), self._pages_seen):
                self.look_at(place, pages)
                self._look_at_all(place, "pglz", self._unpack_pglz(pages))
        for name in toast_paths:
            for path in folder.glob(f"{name}*"):
                self._look_at_all(f"postgres/{name}", "toast", join_toast(path.read_bytes()))
        log = join_log(folder / "pg_wal")
        self.look_at("postgres/pg_wal", log)
        self._look_at_all("postgres/pg_wal", "pglz", self._unpack_pglz(log))
        self._look_at_all("postgres/pg_wal", "image", unpack_images(log))

    def look_at_valkey(self, folder: Path) -> None:
        """A data folder, or a copy of one."""
        for path in _list_files(folder):
            place, data = f"valkey/{path.relative_to(folder)}", path.read_bytes()
            self.look_at(place, data)
            self._look_at_all(place, "lzf", _unpack_lzf(data))

    def look_at_rest(self, folder: Path, known: Iterable[str]) -> set[str]:
        """Everything else in the folder; the names in it. `known`: those that were looked at otherwise."""
        names = {path.name for path in folder.iterdir()} - set(known)
        for path in _list_files(folder):
            place = path.relative_to(folder)
            if place.parts[0] in names:
                self.look_at(str(place), path.read_bytes())
        return names

    def list_canaries(self, *places: str) -> set[str]:
        """Which canaries were found, in places that begin with one of these (anywhere, when none is given)."""
        return {finding.canary for finding in self.findings if not places or finding.place.startswith(places)}

    def _look_at_all(self, place: str, packing: str, values: Iterable[bytes]) -> None:
        for value in values:
            self.unpacked[packing] += 1
            self._look(place, value, f"{packing}: ")

    def _look(self, place: str, data: bytes, packing: str) -> None:
        self.bytes_searched += len(data)
        lowered = data.lower()
        for needle in self._needles:
            if needle.text in lowered:
                self.findings.add(Finding(needle.canary, place, packing + needle.form))

    def _unpack_pglz(self, data: bytes) -> Iterator[bytes]:
        """Each packed value once: copies of a catalog hold the same ones."""
        for value in find_pglz(data):
            if value not in self._packed_seen:
                self._packed_seen.add(value)
                with suppress(NotPackedError):
                    yield unpack_pglz_value(value)


def _unpack_lzf(data: bytes) -> Iterator[bytes]:
    for packed, raw_size in find_lzf(data):
        with suppress(NotPackedError):
            yield unpack_lzf(packed, raw_size)


def _list_files(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    assert found, f"{folder} holds no file"
    return found
