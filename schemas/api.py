"""What every answer of the API has in common: the envelope, the page, the problem. Bodies refuse unknown members."""

import re
from datetime import UTC, datetime
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

T = TypeVar("T")

TENANT_ID_MAX = 2**31 - 1
# Control characters, and those that turn the direction of a line: a name must not change what stands around it.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def _check_seen(text: str) -> str:
    if _UNSEEN.search(text):
        raise ValueError("holds control characters")
    return text


ShortText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120), AfterValidator(_check_seen)
]


_MOMENTS = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _check_moment(moment: datetime) -> datetime:
    if not _MOMENTS[0] <= moment < _MOMENTS[1]:
        raise ValueError("lies before 1970 or behind 2199")
    return moment


# What is kept or reckoned with: the ends of the calendar have no neighbours, and in another time zone do not exist.
Moment = Annotated[AwareDatetime, AfterValidator(_check_moment)]


class Body(BaseModel):
    """What a caller sends."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Query(BaseModel):
    """Query parameters. Each may be given once."""

    model_config = ConfigDict(extra="forbid")


class PageQuery(Query):
    """`limit`: rows wanted, 50 if not said. `cursor`: the `next_cursor` of the page before."""

    limit: int = Field(50, ge=1, le=1_000, description="rows of a page")
    cursor: str | None = Field(None, max_length=2_000, description="`next_cursor` of the page before")


class Answer(BaseModel):
    """What is answered: `success` stands beside everything."""

    model_config = ConfigDict(frozen=True)

    success: Literal[True] = True


class Envelope(Answer, Generic[T]):
    """One thing."""

    data: T


class Page(Answer, Generic[T]):
    """Some of many things. `next_cursor`: None on the last page."""

    data: list[T]
    next_cursor: str | None = None


class Shown(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True)


class FieldError(Shown):
    """`pointer`: where the wrong value stands (RFC 6901). `code`: what a provider's check found, as in a validation."""

    pointer: str
    detail: str
    code: str | None = None


class Problem(Shown):
    """An error (RFC 9457). `code` is stable; `detail` is a sentence for people."""

    type: str
    title: str
    status: int
    detail: str
    success: Literal[False] = False
    code: str
    request_id: str
    errors: list[FieldError] | None = None
    object_id: str | None = Field(None, description="what the first call with the same Idempotency-Key made")
