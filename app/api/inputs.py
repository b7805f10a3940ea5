"""Reading what a call sends: query and body become the declared models, or an error names each wrong place.

No message repeats a value: it may be a secret or somebody's data.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request

from app.core.errors import (
    BodyTooLargeError,
    FieldProblem,
    InvalidInputError,
    MalformedBodyError,
    UnsupportedMediaError,
)
from schemas.api import Body, Query

QUERY_FIELDS_MAX = 50
_NULS = (b"\x00", b"\\u0000")


def read_query(query_string: bytes, kind: type[Query]) -> Query:
    """Raises InvalidInputError for unknown, repeated or wrong parameters."""
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"), keep_blank_values=True, max_num_fields=QUERY_FIELDS_MAX, errors="strict"
        )
    except ValueError:
        raise InvalidInputError(FieldProblem("", "the query is not percent-encoded UTF-8, or is too long")) from None
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values:
            raise InvalidInputError(FieldProblem(_point((name,)), "is given more than once"))
        if "\x00" in name or "\x00" in value:
            raise InvalidInputError(FieldProblem("", "the query holds a NUL character"))
        values[name] = value
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise _explain(error) from None


async def read_body(request: Request, kind: type[Body], bytes_max: int, *, is_required: bool) -> tuple[Body, bytes]:
    """The model and the raw bytes. Raises UnsupportedMediaError, BodyTooLargeError, MalformedBodyError,
    InvalidInputError."""
    raw = await _read_bytes(request, bytes_max)
    if not raw.strip():
        if is_required:
            raise InvalidInputError(FieldProblem("", "the body is missing: send a JSON object"))
        raw = b"{}"
    elif not _is_json(request.headers.get("content-type", "")):
        raise UnsupportedMediaError("Send JSON, with the header Content-Type: application/json.")
    if any(nul in raw for nul in _NULS):
        raise InvalidInputError(FieldProblem("", "holds a NUL character"))
    try:
        return kind.model_validate_json(raw), raw
    except ValidationError as error:
        if any(problem["type"] == "json_invalid" for problem in error.errors(include_url=False, include_input=False)):
            raise MalformedBodyError("The body is not JSON.") from None
        raise _explain(error) from None
    except (ValueError, RecursionError):
        raise MalformedBodyError("The body is not JSON, or is nested too deeply.") from None


async def _read_bytes(request: Request, bytes_max: int) -> bytes:
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > bytes_max:
                raise BodyTooLargeError(f"The body is larger than {bytes_max} bytes.")
            chunks.append(chunk)
    except ClientDisconnect:
        raise MalformedBodyError("The body did not arrive whole.") from None
    return b"".join(chunks)


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def _explain(error: ValidationError) -> InvalidInputError:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return InvalidInputError(*(FieldProblem(_point(problem["loc"]), _word(problem)) for problem in found[:50]))


def _word(problem: Mapping[str, object]) -> str:
    if problem["type"] == "extra_forbidden":
        return "is not known here"
    if problem["type"] == "missing":
        return "is missing"
    return str(problem["msg"]).removeprefix("Value error, ")


def _point(location: tuple[int | str, ...]) -> str:
    """A JSON pointer. Names that a caller made up are cut: they are shown to help, not to be stored."""
    return "".join("/" + str(part)[:60].replace("~", "~0").replace("/", "~1") for part in location)
