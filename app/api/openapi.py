"""The OpenAPI 3.1 document, made from the operations and their models: what is not declared cannot be called."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from app.api.operation import JSON, PATH_TEXT_MAX, PREFIX, Operation
from app.core.errors import (
    AcequiaError,
    AnswerNotKeptError,
    BodyTooLargeError,
    CallInProgressError,
    ConflictError,
    DayLimitError,
    ForbiddenError,
    InvalidInputError,
    MalformedBodyError,
    NotFoundError,
    PreconditionFailedError,
    RateLimitedError,
    UnauthenticatedError,
    UnsupportedMediaError,
)
from app.services.permissions import DESCRIPTIONS
from schemas.api import TENANT_ID_MAX, Problem

_PARAMETER = re.compile(r"\{(\w+)(?::(int))?\}")
_REFERENCE = "#/components/schemas/{model}"
_PATTERNS = {"integration_id": r"^int_[1-9][0-9]*_[1-9][0-9]*$"}
_UUIDS = {"dead_letter_id", "event_id", "person_id", "run_id"}


def build_openapi(operations: Sequence[Operation]) -> dict[str, Any]:
    """The whole document, as JSON values."""
    models = list(_list_models(operations))
    references, definitions = models_json_schema(models, ref_template=_REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        path = PREFIX + _PARAMETER.sub(r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _describe(operation, references)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Acequia",
            "version": _find_version(),
            "description": "Tenants, integrations, access and data. Every answer has `success`; errors are "
            "`application/problem+json`. Every POST takes an `Idempotency-Key`.",
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(operation.tag for operation in operations)],
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key: `aqk_…`"},
                "session": {"type": "apiKey", "in": "cookie", "name": "acequia_session"},
            },
        },
    }


@cache
def _find_version() -> str:
    return version("acequia")


def _list_models(operations: Iterable[Operation]) -> Iterable[tuple[type[BaseModel], JsonSchemaMode]]:
    yield Problem, "serialization"
    for operation in operations:
        yield operation.answer, "serialization"
        if operation.body is not None:
            yield operation.body, "validation"


def _describe(operation: Operation, references: Mapping[Any, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.operation_id,
        "summary": operation.summary,
        "description": _write_description(operation),
        "tags": [operation.tag],
        "parameters": [*_list_path(operation), *_list_query(operation), *_list_headers(operation)],
        "responses": _list_responses(operation, references),
        "security": [] if operation.permission == "public" else [{"key": []}, {"session": []}],
        "x-permission": operation.permission,
    }
    if operation.body is not None:
        described["requestBody"] = {
            "required": operation.is_body_required,
            "content": {"application/json": {"schema": references[operation.body, "validation"]}},
        }
    return described


def _write_description(operation: Operation) -> str:
    if operation.permission == "public" or operation.permission == "authenticated":  # noqa: PLR1714 - narrows the type
        needs = "Anybody." if operation.permission == "public" else "Any key or session."
    else:
        needs = f"Needs `{operation.permission}`: {DESCRIPTIONS[operation.permission]}."
    return f"{operation.description} {needs}".strip()


def _list_path(operation: Operation) -> list[dict[str, Any]]:
    found = []
    for name, kind in _PARAMETER.findall(operation.path):
        schema: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": PATH_TEXT_MAX}
        if kind:
            schema = {"type": "integer", "minimum": 1, "maximum": TENANT_ID_MAX}
        elif name in _PATTERNS:
            schema = {"type": "string", "pattern": _PATTERNS[name]}
        elif name in _UUIDS:
            schema = {"type": "string", "format": "uuid"}
        found.append({"name": name, "in": "path", "required": True, "schema": schema})
    return found


def _list_query(operation: Operation) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    schema = operation.query.model_json_schema(ref_template=_REFERENCE)
    required = set(schema.get("required", ()))
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": field.get("description", ""),
            "schema": _without_null(
                {key: value for key, value in field.items() if key not in {"description", "title"}}
            ),
        }
        for name, field in schema.get("properties", {}).items()
    ]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query parameter is there or not: it is never null."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
    if len(choices) == 1:
        schema = {key: value for key, value in schema.items() if key != "anyOf"} | choices[0]
    return {key: value for key, value in schema.items() if not (key == "default" and value is None)}


def _list_headers(operation: Operation) -> list[dict[str, Any]]:
    headers = []
    if operation.method == "POST" and operation.permission != "public":
        headers.append(
            _header("Idempotency-Key", "The same call under the same key is carried out once.", r"^[!-~]{1,255}$")
        )
    if operation.method == "PUT" and operation.has_etag:
        headers.append(_header("If-Match", "The ETag that the change is meant for.", r'^(\*|"r[0-9]{1,9}")$'))
    return headers


def _header(name: str, description: str, pattern: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string", "pattern": pattern},
    }


def _list_responses(operation: Operation, references: Mapping[Any, Any]) -> dict[str, Any]:
    schema = references[operation.answer, "serialization"]
    content: dict[str, Any] = {"schema": schema}
    if operation.media_type != JSON:
        content = {"schema": _describe_event(schema)}
    responses: dict[str, Any] = {
        str(operation.status): {
            "description": HTTPStatus(operation.status).phrase,
            "content": {operation.media_type: content},
        }
    }
    codes: dict[int, set[str]] = {}
    for kind in list_problems(operation):
        codes.setdefault(kind.http_status, set()).add(kind.code)
    codes.setdefault(503, set()).add("unavailable")
    problem = {"application/problem+json": {"schema": references[Problem, "serialization"]}}
    for status, names in sorted(codes.items()):
        text = ", ".join(f"`{name}`" for name in sorted(names))
        responses[str(status)] = {"description": f"{HTTPStatus(status).phrase}: {text}", "content": problem}
    return responses


def _describe_event(data: Mapping[str, Any]) -> dict[str, Any]:
    """One server-sent event of a stream: 3.1 has no word for a sequence of them."""
    return {
        "type": "object",
        "properties": {
            "event": {"type": "string", "enum": ["progress", "end"]},
            "data": {"type": "string", "contentMediaType": JSON, "contentSchema": data},
        },
        "required": ["event", "data"],
    }


def list_problems(operation: Operation) -> set[type[AcequiaError]]:
    """Every error that this operation can answer with, beside those of our own servers."""
    problems: set[type[AcequiaError]] = {InvalidInputError, RateLimitedError, *operation.problems}
    if operation.permission != "public":
        problems |= {UnauthenticatedError, ForbiddenError}
    if operation.subject in {"tenant", "organization", "anywhere"}:
        problems |= {DayLimitError}
    if operation.subject in {"tenant", "organization"} or "{" in operation.path:
        problems.add(NotFoundError)
    if operation.body is not None:
        problems |= {MalformedBodyError, UnsupportedMediaError, BodyTooLargeError}
    if operation.method == "POST" and operation.permission != "public":
        problems |= {ConflictError, CallInProgressError}
        if operation.shows_secret:
            problems.add(AnswerNotKeptError)
    if operation.method == "PUT" and operation.has_etag:
        problems.add(PreconditionFailedError)
    return problems
