"""Every text that a page names is there, in every language, with the parts that the page gives."""

import re
from pathlib import Path

import pytest
from babel import Locale

from app.dashboard import texts as module
from app.dashboard.texts import load_texts
from app.dashboard.viewer import LANGUAGES

DASHBOARD = Path(module.__file__).parent
# `t("area.key"` and `t('area.key'` in templates and pages; keys made of pieces end in a word's beginning.
NAMED = re.compile(r"""\bt\(\s*["']([a-z0-9_.]+)["']\s*([~+,)])""")
DONE = re.compile(r"""Go\([^()]*(?:\([^()]*\)[^()]*)*,\s*["']([a-z0-9_]+\.[a-z0-9_]+)["']""")


def list_named() -> set[str]:
    found = set()
    for path in [*(DASHBOARD / "templates").rglob("*.html"), *DASHBOARD.rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        found |= {key for key, behind in NAMED.findall(text) if behind in ",)"}
        if path.suffix == ".py":
            found |= set(DONE.findall(text))
    return found


def test_every_text_that_is_named_is_there() -> None:
    texts = load_texts()
    assert len(list_named()) > 20
    assert sorted(key for key in list_named() if not texts.has(key)) == []


def test_no_text_is_left_over() -> None:
    """Keys made of pieces (`words.health_` and a word) are counted by their beginnings."""
    source = "".join(
        path.read_text(encoding="utf-8")
        for path in [*(DASHBOARD / "templates").rglob("*.html"), *DASHBOARD.rglob("*.py")]
    )
    begun = set(re.findall(r"""["']([a-z0-9_]+\.[a-z0-9_.]*)["{']""", source))
    begun |= set(re.findall(r"""f["']([a-z0-9_]+\.[a-z0-9_.]*)\{""", source))

    def is_used(key: str) -> bool:
        return key in begun or any(key.startswith(one) for one in begun if one.endswith(("_", ".")))

    areas_by_pieces = ("connectors.", "words.", "errors.")
    left = [key for key in load_texts().by_key if not key.startswith(areas_by_pieces) and not is_used(key)]
    assert left == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty_or_the_same_key_again(language: str) -> None:
    for key, forms in load_texts().by_key.items():
        form = forms[language]
        for text in (form,) if isinstance(form, str) else form.values():
            assert text.strip(), key
            assert text != key


def test_plurals_are_the_languages_own() -> None:
    texts = module.Texts(
        {"x": {"en": {"one": "{n} thing", "other": "{n} things"}, "pt": {"one": "{n} coisa", "other": "{n} coisas"}}}
    )
    assert texts.get(Locale("en"), "x", n=1) == "1 thing"
    assert texts.get(Locale("en"), "x", n=0) == "0 things"
    assert texts.get(Locale("pt"), "x", n=0) == "0 coisa"
    assert texts.get(Locale("en"), "x", n=12_000) == "12,000 things"


def test_a_text_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        load_texts().get(Locale("en"), "no.such_text")


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ('[a.b]\nen = "x"\nes = "y"', "is not said in each of"),
        ('[a.b]\nen = "{n}"\nes = "y"\npt = "z"', "has not the same parts"),
        ('[a.b]\nen = {one = "x", other = "y"}\nes = "y"\npt = "z"', "has not the same forms"),
        ('[a.b]\nen = {one = "x"}\nes = {one = "x"}\npt = {one = "x"}', "has not the same forms"),
    ],
)
def test_a_text_with_a_fault_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, named: str
) -> None:
    (tmp_path / "area.toml").write_text(content, encoding="utf-8")
    monkeypatch.setattr(module, "AREAS", tmp_path)
    with pytest.raises(ValueError, match=named):
        load_texts()


def test_templates_hold_no_style_and_no_script_of_their_own() -> None:
    """The policy forbids both; a page that needs them would silently lose them."""
    for path in (DASHBOARD / "templates").rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\sstyle\s*=|\son\w+\s*=\s*[\"']|<style|javascript:", text), path
        assert not re.search(r"<script(?![^>]*\ssrc=)", text), path
        assert "|safe" not in text.replace(" ", ""), path
