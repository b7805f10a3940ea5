"""The bodies of integrations as OpenAPI tells them: from the declarations of the connectors that there are."""

from collections.abc import Iterable
from typing import Any

from pydantic import ConfigDict

from app.connectors.contract import Connector, Field
from app.connectors.registry import list_connectors
from schemas.integrations import IntegrationChange, IntegrationFields, NewIntegration

# Members of the bodies themselves; everything else is a connector's.
_OWN = ("tenant_id", "name", "accepted_accounts", "auto_sync", "replace_foreign_hook", "credentials_expire_at")


def _describe_new(schema: dict[str, Any]) -> None:
    own = {name: schema["properties"][name] for name in _OWN}
    forms: list[dict[str, Any]] = []
    for connector in list_connectors().values():
        kind = {"type": "string", "const": connector.name}
        for member in ("integration_type", "type"):
            base = {**own, member: kind}
            forms += _list_forms(connector, base, ["tenant_id", member])
    _replace(schema, forms)


def _describe_fields(schema: dict[str, Any]) -> None:
    """Of those that can be put to the test."""
    connectors = [one for one in list_connectors().values() if one.check is not None]
    _replace(schema, [form for connector in connectors for form in _list_forms(connector, {}, [])])


def _describe_change(schema: dict[str, Any]) -> None:
    """Which connector it is, the address says: here stand no fields of one, and none but its own are taken."""
    schema["additionalProperties"] = False


class NewIntegrationBody(NewIntegration):
    model_config = ConfigDict(json_schema_extra=_describe_new)


class IntegrationFieldsBody(IntegrationFields):
    model_config = ConfigDict(json_schema_extra=_describe_fields)


class IntegrationChangeBody(IntegrationChange):
    model_config = ConfigDict(json_schema_extra=_describe_change)


def _replace(schema: dict[str, Any], forms: list[dict[str, Any]]) -> None:
    for name in ("properties", "required", "additionalProperties", "type"):
        schema.pop(name, None)
    schema["oneOf"] = forms


def _list_forms(connector: Connector, base: dict[str, Any], required: list[str]) -> Iterable[dict[str, Any]]:
    """Flat and under `config`."""
    fields = (*connector.config, *connector.credentials)
    # By the name that the client's document uses, which is the first alias where there is one.
    properties = {_name(field): _describe_field(field) for field in fields}
    needed = [_name(field) for field in fields if field.is_required and field.default is None]
    flat = {**base, **properties}
    yield _make_object(f"{connector.label}, flat", flat, [*required, *needed])
    config = _make_object(f"{connector.label}'s fields", properties, needed)
    yield _make_object(f"{connector.label}, under config", {**base, "config": config}, [*required, "config"])


def _make_object(title: str, properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "title": title, "type": "object", "properties": properties, "required": required,
        "additionalProperties": False,
    }  # fmt: skip


def _name(field: Field) -> str:
    return field.aliases[0] if field.aliases else field.name


def _describe_field(field: Field) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", "description": field.help, "maxLength": field.chars_max}
    if field.form == "frequency":
        schema["examples"] = ["hourly", "daily", "weekly", "30 */6 * * 1-5"]
    if field.choices:
        schema["enum"] = list(field.choices)
    if field.pattern is not None:
        schema["pattern"] = f"^(?:{field.pattern})$"
    if field.default is not None:
        schema["default"] = field.default
    if field.is_secret:
        schema["writeOnly"] = True
    return schema
