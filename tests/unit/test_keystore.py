"""The keystore wraps, unwraps for the same binding only, and refuses a file that others may read."""

from pathlib import Path

import pytest

from app.core.errors import ConfigurationError, KeystoreUnavailableError, SealingError
from app.core.keystore import FileKeystore


def test_what_is_wrapped_unwraps_for_the_same_binding_only(tmp_path: Path) -> None:
    keystore = FileKeystore.create(f"file:{tmp_path}/keys/keystore.json")
    kek_id, wrapped = keystore.wrap(b"d" * 32, b"56|seal|1")
    assert keystore.unwrap(kek_id, wrapped, b"56|seal|1") == b"d" * 32
    for damaged, binding in [
        (wrapped, b"57|seal|1"),
        (wrapped[:-1], b"56|seal|1"),
        (b"\x00" + wrapped[1:], b"56|seal|1"),
    ]:
        with pytest.raises(SealingError):
            keystore.unwrap(kek_id, damaged, binding)


def test_the_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    FileKeystore.create(f"file:{tmp_path}/keystore.json")
    assert (tmp_path / "keystore.json").stat().st_mode & 0o777 == 0o600


def test_a_file_that_others_may_read_is_refused_with_the_fix(tmp_path: Path) -> None:
    FileKeystore.create(f"file:{tmp_path}/keystore.json")
    (tmp_path / "keystore.json").chmod(0o640)
    with pytest.raises(ConfigurationError, match=r"KEYSTORE_URL.*0640.*chmod 600"):
        FileKeystore.open(f"file:{tmp_path}/keystore.json")


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"active": "a", "keys": {}}', '{"active": "a", "keys": {"a": "AAAA"}}']
)
def test_a_file_that_is_no_keystore_is_refused_without_showing_it(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keystore.json"
    path.touch(mode=0o600)
    path.write_text(content)
    with pytest.raises(ConfigurationError, match="KEYSTORE_URL"):
        FileKeystore.open(f"file:{path}")


def test_an_existing_keystore_is_never_overwritten(tmp_path: Path) -> None:
    FileKeystore.create(f"file:{tmp_path}/keystore.json")
    before = (tmp_path / "keystore.json").read_bytes()
    with pytest.raises(ConfigurationError):
        FileKeystore.create(f"file:{tmp_path}/keystore.json")
    assert (tmp_path / "keystore.json").read_bytes() == before


def test_a_missing_file_and_another_scheme_are_refused(tmp_path: Path) -> None:
    for url in (f"file:{tmp_path}/none.json", "vault:secret", "", "/just/a/path"):
        with pytest.raises(ConfigurationError, match="KEYSTORE_URL"):
            FileKeystore.open(url)


def test_a_new_key_wraps_from_now_on_and_another_process_finds_it(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/keystore.json"
    keystore = FileKeystore.create(url)
    other_process = FileKeystore.open(url)
    old_id, old = keystore.wrap(b"d" * 32, b"b")
    new_id = keystore.add_key()
    assert keystore.active_key_id == new_id != old_id
    assert keystore.unwrap(old_id, old, b"b") == b"d" * 32
    kek_id, wrapped = keystore.wrap(b"e" * 32, b"b")
    assert other_process.unwrap(kek_id, wrapped, b"b") == b"e" * 32


def test_a_key_that_is_not_there_now_is_a_failure_of_the_surroundings(tmp_path: Path) -> None:
    keystore = FileKeystore.create(f"file:{tmp_path}/keystore.json")
    with pytest.raises(KeystoreUnavailableError):
        keystore.unwrap("kek-9", b"x" * 60, b"b")
    (tmp_path / "keystore.json").unlink()
    with pytest.raises(KeystoreUnavailableError):
        keystore.unwrap("kek-9", b"x" * 60, b"b")
