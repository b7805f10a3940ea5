"""Strict JSON, and bodies counted while they arrive."""

from collections.abc import Sequence

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from app.receiver.body import DEPTH_MAX, DisconnectedError, MalformedError, TooLargeError, parse_json, read_body

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda children: st.lists(children) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), children),
    max_leaves=40,
)


@given(JSON)
def test_what_is_json_is_parsed(document: object) -> None:
    assert parse_json(orjson.dumps(document)) == document


@given(st.binary(max_size=200))
def test_anything_else_is_malformed_and_nothing_more(body: bytes) -> None:
    try:
        parse_json(body)
    except MalformedError:
        return
    orjson.loads(body)


def nest(depth: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return opening * depth + b"1" * (opening != b"[") + closing * depth


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_nesting_is_allowed_up_to_the_limit_and_no_further(opening: bytes, closing: bytes) -> None:
    parse_json(nest(DEPTH_MAX, opening, closing))
    for depth in (DEPTH_MAX + 1, 500, 100_000):
        with pytest.raises(MalformedError):
            parse_json(nest(depth, opening, closing))


def test_many_brackets_side_by_side_or_in_a_text_are_not_deep() -> None:
    parse_json(b"[" + b",".join([b"[]"] * 500) + b"]")
    parse_json(orjson.dumps({"note": "[" * 500}))


@pytest.mark.parametrize(
    "text", ["NaN", "[Infinity]", '{"a": -Infinity}', '"\\ud800"', '"\\udc00\\ud800"', "01", "'a'"]
)
def test_what_other_parsers_let_through_is_malformed(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_json(text.encode())


class Messages:
    """A caller that sends the given parts."""

    def __init__(self, parts: Sequence[bytes | None]) -> None:
        self._parts = list(parts)
        self.read = 0

    async def __call__(self) -> Message:
        part = self._parts[self.read]
        self.read += 1
        if part is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": part, "more_body": self.read < len(self._parts)}


async def test_a_body_is_read_whole_up_to_its_limit() -> None:
    assert await read_body(Messages([b"ab"]), b"2", 4) == b"ab"
    assert await read_body(Messages([b"ab", b"", b"cd"]), None, 4) == b"abcd"


async def test_a_declared_length_is_refused_before_a_byte_is_read() -> None:
    messages = Messages([b"abcde"])
    with pytest.raises(TooLargeError):
        await read_body(messages, b"5", 4)
    assert messages.read == 0


async def test_a_body_that_grows_is_refused_when_it_passes_the_limit() -> None:
    messages = Messages([b"abc"] * 1_000)
    with pytest.raises(TooLargeError):
        await read_body(messages, None, 4)
    assert messages.read == 2
    with pytest.raises(TooLargeError):
        await read_body(Messages([b"abcde"]), None, 4)


async def test_a_caller_who_goes_away_is_told_apart() -> None:
    for parts in ([None], [b"a", None]):
        with pytest.raises(DisconnectedError):
            await read_body(Messages(parts), None, 4)
