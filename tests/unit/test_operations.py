"""The API's declarations: none leaves a door open, and the document made of them is valid OpenAPI 3.1."""

import re

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.api.app import OPERATIONS
from app.api.call import Call
from app.api.docs import render_docs
from app.api.openapi import build_openapi
from app.api.operation import Operation, Result, check_operations
from schemas.api import Answer


async def answer(call: Call) -> Result:
    del call
    return Result(Answer())


def make(**changes: object) -> Operation:
    declared = Operation(
        "read", "GET", "/things/{tenant_id:int}", "tenant", "tenants:read", "s", "t", answer, Answer, tenant_in="path"
    )
    return declared._replace(**changes)  # type: ignore[arg-type]


def test_what_is_declared_whole_is_accepted() -> None:
    check_operations(OPERATIONS)
    check_operations((make(),))


@pytest.mark.parametrize(
    ("operation", "problem"),
    [
        (make(permission=""), "declares no permission"),
        (make(permission=None), "declares no permission"),
        (make(permission="tenants:everything"), "declares no permission"),
        (make(tenant_in=None), "which one's"),
        (make(subject="platform"), "which one's"),
        (make(permission="authenticated"), "says not what is needed"),
        (make(permission="public", subject="platform", tenant_in=None), "says not what is needed"),
        (make(subject="caller", tenant_in=None), "says not what is needed"),
    ],
)
def test_an_operation_that_would_leave_a_door_open_stops_the_start(operation: Operation, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        check_operations((operation,))


def test_nothing_is_declared_twice() -> None:
    with pytest.raises(ValueError, match="twice"):
        check_operations((make(), make(path="/other/{tenant_id:int}")))
    with pytest.raises(ValueError, match="twice"):
        check_operations((make(), make(operation_id="other")))


def test_only_who_has_no_key_yet_is_asked_for_none() -> None:
    public = [operation.operation_id for operation in OPERATIONS if operation.permission == "public"]
    assert public == ["log_in", "accept_invitation"]


def test_the_document_is_valid_and_says_everything() -> None:
    document = build_openapi(OPERATIONS)
    OpenAPIV31SpecValidator(document).validate()
    described = {one["operationId"] for methods in document["paths"].values() for one in methods.values()}
    assert described == {operation.operation_id for operation in OPERATIONS}
    page = render_docs(document)
    assert all(f'id="{operation.operation_id}"' in page for operation in OPERATIONS)
    assert not re.search(r"<script|https?://", page)
