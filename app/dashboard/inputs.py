"""Forms become the models that use cases take; what does not fit is told beside its field, as the API would."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from app.core.errors import FieldProblem, InvalidInputError

ModelT = TypeVar("ModelT", bound=BaseModel)


def make_model(kind: type[ModelT], values: Mapping[str, Any]) -> ModelT:
    """Raises InvalidInputError naming each field that is wrong, without repeating a value."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        problems = [
            FieldProblem(
                "".join(f"/{part}" for part in one["loc"]), one["msg"].removeprefix("Value error, "), one["type"]
            )
            for one in found[:50]
        ]
        raise InvalidInputError(*problems) from None
