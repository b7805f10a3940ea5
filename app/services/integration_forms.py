"""What was sent for an integration, checked against its connector's declaration. Pure; no message repeats a value."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from app.connectors.contract import Connector
from app.connectors.fields import Form, name_account, read_form
from app.connectors.registry import list_connectors
from app.core.errors import ConflictError, FieldProblem, InvalidInputError, MappingError
from schemas.integrations import ACCOUNTS_MAX, FieldsBody, NewIntegration

ANOTHER_ACCOUNT = "The account of an integration never changes: create another integration for it."


class CheckedForm(NamedTuple):
    """`config`: what is neither a column of its own nor a credential. `is_account_known`: otherwise `account` only
    stands for it until the provider has told it."""

    account: str
    environment: str
    sync_frequency: str
    config: Mapping[str, str]
    credentials: Mapping[str, str]
    is_account_known: bool = True


def find_type(wanted: NewIntegration) -> str:
    """The connector's name, under whichever member it was given. Raises InvalidInputError."""
    if wanted.integration_type and wanted.type and wanted.integration_type != wanted.type:
        raise InvalidInputError(FieldProblem("/type", "is the same field as integration_type, and says something else"))
    name = wanted.integration_type or wanted.type
    if name is None:
        raise InvalidInputError(FieldProblem("/integration_type", f"is missing: {_list_types()}"))
    return name


def get_connector(name: str, pointer: str = "/integration_type") -> Connector:
    """Raises InvalidInputError naming those that there are."""
    connector = list_connectors().get(name)
    if connector is None:
        raise InvalidInputError(FieldProblem(pointer, f"is no connector; there are: {_list_types()}"))
    return connector


def collect_values(connector: Connector, body: FieldsBody) -> dict[str, str | None]:
    """The connector's fields by their own names, from both places. Raises InvalidInputError for one given twice."""
    aliases = {alias: field.name for field in (*connector.config, *connector.credentials) for alias in field.aliases}
    values: dict[str, str | None] = {}
    for given in (body.flat_fields, body.config or {}):
        for name, value in given.items():
            own = aliases.get(name, name)
            if values.get(own) is not None and values[own] != value:
                raise InvalidInputError(FieldProblem(point(body, name), "is given twice, with different values"))
            values[own] = value
    return values


def check_form(connector: Connector, body: FieldsBody, held: Mapping[str, str] | None = None) -> CheckedForm:
    """`held`: the values there are, which those of the body are merged over. Raises InvalidInputError."""
    values = {**(held or {}), **collect_values(connector, body)}
    try:
        form = read_form(connector, values)
    except MappingError as error:
        raise InvalidInputError(
            FieldProblem(point(body, find_given_name(connector, body, error.field)), error.problem)
        ) from None
    account = name_account(connector, form.config)
    return _split(connector, account, form)


def check_same_account(form: CheckedForm, account: str) -> None:
    """Raises ConflictError."""
    if form.account != account:
        raise ConflictError(ANOTHER_ACCOUNT)


def check_accounts(connector: Connector, account: str, further: Iterable[str]) -> list[str]:
    """The accounts whose calls are taken, its own first. Raises InvalidInputError for what can be no account."""
    [field] = [one for one in connector.config if one.name == connector.account_field]
    accounts = [account]
    for place, name in enumerate(further):
        if len(name) > field.chars_max or (field.pattern and not re.fullmatch(field.pattern, name)):
            raise InvalidInputError(FieldProblem(f"/accepted_accounts/{place}", f"is no account: {field.help}"))
        accounts.append(name)
    return list(dict.fromkeys(accounts))[: ACCOUNTS_MAX + 1]


def point(body: FieldsBody, name: str) -> str:
    """Where a field stands, or would: beside the others."""
    escaped = name[:60].replace("~", "~0").replace("/", "~1")
    is_inside = body.config is not None and name not in body.flat_fields
    return f"/config/{escaped}" if is_inside else f"/{escaped}"


def find_given_name(connector: Connector, body: FieldsBody, name: str) -> str:
    """The name under which a declared field was sent, which may be another one of its."""
    declared = next((one for one in (*connector.config, *connector.credentials) if one.name == name), None)
    sent = {*body.flat_fields, *(body.config or {})}
    return next((alias for alias in (declared.aliases if declared else ()) if alias in sent), name)


def _split(connector: Connector, account: str, form: Form) -> CheckedForm:
    columns = {connector.account_field, "environment", "sync_frequency"}
    return CheckedForm(
        account,
        form.config.get("environment", ""),
        form.config.get("sync_frequency", "hourly"),
        {name: value for name, value in form.config.items() if name not in columns},
        form.credentials,
        bool(form.config.get(connector.account_field)),
    )


def _list_types() -> str:
    return ", ".join(list_connectors())
