"""The data folder: one `up` at a time, never somebody else's files."""

import os
import stat
from pathlib import Path

import pytest

from scripts.stack.folder import DataFolder, FolderProblem


def test_two_on_one_folder_clash_and_the_second_is_told_who_holds_it(tmp_path: Path) -> None:
    first, second = DataFolder(tmp_path / "data"), DataFolder(tmp_path / "data")
    first.take()
    assert second.find_holder() == os.getpid()
    with pytest.raises(FolderProblem, match=rf"already running .*pid {os.getpid()}.*scripts/down --data"):
        second.take()
    first.release()
    assert second.find_holder() is None
    second.take()
    second.release()


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FolderProblem, match="holds something else"):
        DataFolder(tmp_path).take()
    assert (tmp_path / "thesis.tex").exists()


def test_only_our_account_can_list_it(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.take()
    folder.release()
    assert not stat.S_IMODE(folder.path.stat().st_mode) & 0o066


def test_clearing_removes_everything_but_the_lock(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.take()
    (folder.path / "passwords.json").write_text("{}")
    (folder.path / "postgres").mkdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (folder.path / "link").symlink_to(outside)
    folder.clear()
    folder.release()
    assert [path.name for path in folder.path.iterdir()] == ["up.lock"]
    assert (outside / "kept").exists()


def test_a_file_in_its_place_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(FolderProblem, match="cannot be used"):
        DataFolder(tmp_path / "data").take()
