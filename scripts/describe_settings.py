"""Writes docs/settings.md from the Settings class: `python -m scripts.describe_settings > docs/settings.md`."""

from typing import Any, get_args

from annotated_types import Ge, Gt, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from app.core.settings import Settings

HEADER = """# Settings

Every process reads its settings once from the environment. A wrong value stops the start with the variable's name.
A secret `NAME` may come from a file instead: `NAME_FILE` holds the path. An empty value counts as not set.
This page is written by `python -m scripts.describe_settings`; a test compares the two.

| variable | default | limits | what it is |
|---|---|---|---|
"""


def describe_settings() -> str:
    """The page's text."""
    return HEADER + "".join(_describe(name, field) for name, field in Settings.model_fields.items())


def _describe(name: str, field: FieldInfo) -> str:
    default = "" if field.default is None else f"`{field.default}`"
    kind = " (secret)" if SecretStr in (field.annotation, *get_args(field.annotation)) else ""
    text = field.description or name.replace("_", " ")
    return f"| `{name.upper()}`{kind} | {default} | {_describe_limits(field)} | {text} |\n"


def _describe_limits(field: FieldInfo) -> str:
    signs: dict[type[Any], str] = {Ge: "≥", Gt: ">", Le: "≤"}
    limits = [
        f"{sign} {getattr(limit, kind.__name__.lower())}"
        for limit in field.metadata
        for kind, sign in signs.items()
        if isinstance(limit, kind)
    ]
    choices = [str(choice) for choice in get_args(field.annotation) if isinstance(choice, str)]
    return ", ".join([*limits, " or ".join(choices)] if choices else limits)


if __name__ == "__main__":
    print(describe_settings(), end="")
