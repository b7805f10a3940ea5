"""What pages say, in Spanish, Portuguese and English: one file per area with the three languages side by side.

A text is found by its key and filled with `{named}` parts. One that has a form for one and a form for several takes
`n`. Connectors bring their own texts in their folders, so that a new one touches nothing here.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Formatter
from typing import Any, NamedTuple

from babel import Locale
from babel.numbers import format_decimal

from app.dashboard.viewer import LANGUAGES

HERE = Path(__file__).parent
AREAS = HERE / "messages"
CONNECTORS = HERE.parent / "connectors"
FORMS = ("one", "other")

Form = str | Mapping[str, str]


class Texts(NamedTuple):
    """`by_key[key][language]`: the text, or its forms for one and for several."""

    by_key: Mapping[str, Mapping[str, Form]]

    def has(self, key: str) -> bool:
        return key in self.by_key

    def is_plain(self, key: str) -> bool:
        """Whether it is there, and says all that it says without being given a part."""
        return key in self.by_key and not list_parts(next(iter(self.by_key[key].values())))

    def get(self, locale: Locale, key: str, **args: Any) -> str:
        """Raises KeyError for a key that there is not, or a part that is not given."""
        form = self.by_key[key][locale.language]
        if not isinstance(form, str):
            form = form[_choose_form(locale, args["n"])]
        shown = {
            name: format_decimal(value, locale=locale) if _is_number(value) else value for name, value in args.items()
        }
        return form.format_map(shown) if "{" in form else form


def load_texts() -> Texts:
    """Every area's and every connector's. Raises ValueError for what is missing, doubled or of different parts."""
    by_key: dict[str, Mapping[str, Form]] = {}
    for path in (*sorted(AREAS.glob("*.toml")), *sorted(CONNECTORS.glob("*/messages.toml"))):
        for key, forms in _walk(tomllib.loads(path.read_text(encoding="utf-8")), ""):
            if key in by_key:
                raise ValueError(f"{path.name}: {key} stands in two files")
            _check(f"{path.name}: {key}", forms)
            by_key[key] = forms
    return Texts(by_key)


def list_parts(form: Form) -> set[str]:
    """The `{named}` parts of a text."""
    texts = (form,) if isinstance(form, str) else tuple(form.values())
    return {name for text in texts for _, name, _, _ in Formatter().parse(text) if name}


def _walk(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Mapping[str, Form]]]:
    if any(name in LANGUAGES for name in table):
        yield prefix, table
        return
    for name, inner in table.items():
        yield from _walk(inner, f"{prefix}.{name}" if prefix else name)


def _check(where: str, forms: Mapping[str, Form]) -> None:
    if set(forms) != set(LANGUAGES):
        raise ValueError(f"{where} is not said in each of {', '.join(LANGUAGES)}, and no more")
    kinds = {isinstance(form, str) for form in forms.values()}
    if len(kinds) != 1 or any(set(form) != set(FORMS) for form in forms.values() if not isinstance(form, str)):
        raise ValueError(f"{where} has not the same forms in all languages")
    parts = [list_parts(form) for form in forms.values()]
    if any(one != parts[0] for one in parts):
        raise ValueError(f"{where} has not the same parts in all languages")


def _choose_form(locale: Locale, n: float) -> str:
    return "one" if locale.plural_form(n) == "one" else "other"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
