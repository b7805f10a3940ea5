"""Master Data's filters: `field=value`, `<>`, `<`, `>`, `between A AND B`, `is [not] null`, AND, OR and brackets."""

import re
from collections.abc import Sequence
from typing import NamedTuple

_TOKEN = re.compile(r"""\s*(?:(?P<bracket>[()])|(?P<sign><>|=|<|>)|"(?P<quoted>[^"]*)"|(?P<word>[^\s()=<>"]+))""")


class WhereError(ValueError):
    """The filter cannot be read."""


class And(NamedTuple):
    parts: "tuple[Filter, ...]"


class Or(NamedTuple):
    parts: "tuple[Filter, ...]"


class Comparison(NamedTuple):
    """`sign` one of `=`, `<>`, `<`, `>`."""

    field: str
    sign: str
    value: str


class Between(NamedTuple):
    """Both ends are included."""

    field: str
    low: str
    high: str


class IsNull(NamedTuple):
    field: str
    is_null: bool


Filter = And | Or | Comparison | Between | IsNull
EVERYTHING = And(())


def parse_where(text: str) -> Filter:
    """EVERYTHING for an empty filter. Raises WhereError."""
    if not text.strip():
        return EVERYTHING
    reader = _Reader(_split(text))
    found = reader.read_any()
    if reader.word:
        raise WhereError(f"unexpected {reader.word}")
    return found


def _split(text: str) -> list[str]:
    words, at = [], 0
    text = text.strip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise WhereError(f"unexpected {text[at : at + 20]}")
        words.append(found["quoted"] if found["quoted"] is not None else found.group().strip())
        at = found.end()
    return words


class _Reader:
    """Recursive descent: OR binds weakest, then AND, then brackets and conditions."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._at = 0

    @property
    def word(self) -> str:
        return self._words[self._at] if self._at < len(self._words) else ""

    def read_any(self) -> Filter:
        parts = [self._read_all()]
        while self._skip("or"):
            parts.append(self._read_all())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _read_all(self) -> Filter:
        parts = [self._read_one()]
        while self._skip("and"):
            parts.append(self._read_one())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _read_one(self) -> Filter:
        if self._skip("("):
            inner = self.read_any()
            self._expect(")")
            return inner
        field = self._take()
        if self._skip("between"):
            low = self._take()
            self._expect("and")
            return Between(field, low, self._take())
        if self._skip("is"):
            is_null = not self._skip("not")
            self._expect("null")
            return IsNull(field, is_null)
        sign = self._take()
        if sign not in ("=", "<>", "<", ">"):
            raise WhereError(f"no condition on {field}")
        return Comparison(field, sign, self._take())

    def _take(self) -> str:
        word = self.word
        if not word:
            raise WhereError("it ends too early")
        self._at += 1
        return word

    def _skip(self, word: str) -> bool:
        if self.word.lower() != word:
            return False
        self._at += 1
        return True

    def _expect(self, word: str) -> None:
        if not self._skip(word):
            raise WhereError(f"{word} is missing before {self.word or 'the end'}")
