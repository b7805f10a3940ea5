"""Documentation that is tested: what exists is described, and what is described exists."""

from pathlib import Path

from app.core.errors import AcequiaError
from scripts.describe_settings import describe_settings

ROOT = Path(__file__).parents[2]


def list_error_codes() -> set[str]:
    found, open_classes = set(), [AcequiaError]
    while open_classes:
        current = open_classes.pop()
        found.add(current.code)
        open_classes.extend(current.__subclasses__())
    return found


def test_the_settings_page_is_what_the_settings_class_says() -> None:
    assert (ROOT / "docs/settings.md").read_text(encoding="utf-8") == describe_settings()


def test_every_error_code_is_described() -> None:
    text = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    missing = {code for code in list_error_codes() if f"`{code}`" not in text}
    assert not missing, f"docs/errors.md does not describe {sorted(missing)}"


def test_every_top_folder_says_what_lives_in_it() -> None:
    folders = ("app", "workers", "schemas", "db", "scripts", "tests")
    missing = [folder for folder in folders if not (ROOT / folder / "README.md").is_file()]
    assert not missing
