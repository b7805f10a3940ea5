"""Gap marks in their file: kept over a crash, taken over from the dead, never shared by the living."""

from pathlib import Path

import pytest

from app.receiver.gap_file import GapFile

EARLY, LATE = "2026-01-01T00:00:00.000+00:00", "2026-01-02T00:00:00.000+00:00"


def test_marks_are_recovered_with_the_earliest_time(tmp_path: Path) -> None:
    file = GapFile.open(tmp_path)
    file.append({"56|3|orders": LATE, "57|3|orders": LATE})
    file.append({"56|3|orders": EARLY})
    file.close()
    assert GapFile.open(tmp_path).recovered == {"56|3|orders": EARLY, "57|3|orders": LATE}


def test_a_line_cut_short_by_a_crash_harms_no_other(tmp_path: Path) -> None:
    file = GapFile.open(tmp_path)
    file.append({"56|3|orders": EARLY})
    file.close()
    with (tmp_path / "gaps.jsonl").open("ab") as torn:
        torn.write(b'{"field":"57|3|or')
    recovered = GapFile.open(tmp_path)
    assert recovered.recovered == {"56|3|orders": EARLY}
    recovered.append({"58|3|orders": LATE})
    recovered.close()
    assert GapFile.open(tmp_path).recovered == {"56|3|orders": EARLY, "58|3|orders": LATE}


def test_cleared_marks_do_not_come_back(tmp_path: Path) -> None:
    file = GapFile.open(tmp_path)
    file.append({"56|3|orders": EARLY})
    file.clear()
    assert file.is_empty
    file.append({"57|3|orders": EARLY})
    file.close()
    assert GapFile.open(tmp_path).recovered == {"57|3|orders": EARLY}


def test_two_receivers_on_one_folder_have_a_file_each_and_a_third_inherits_both(tmp_path: Path) -> None:
    first, second = GapFile.open(tmp_path), GapFile.open(tmp_path)
    first.append({"56|3|orders": LATE})
    second.append({"56|3|orders": EARLY, "57|3|orders": LATE})
    assert GapFile.open(tmp_path).recovered == {}
    first.close()
    second.close()
    heir = GapFile.open(tmp_path)
    assert heir.recovered == {"56|3|orders": EARLY, "57|3|orders": LATE}
    heir.close()
    assert GapFile.open(tmp_path).recovered == {"56|3|orders": EARLY, "57|3|orders": LATE}


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    GapFile.open(tmp_path / "state")
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "state" / "gaps.jsonl").stat().st_mode & 0o777 == 0o600


def test_without_a_folder_nothing_is_kept() -> None:
    file = GapFile.open(None)
    file.append({"56|3|orders": EARLY})
    file.clear()
    assert not file.is_kept


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        GapFile.open(tmp_path / "file")
