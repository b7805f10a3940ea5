"""Credentials of a VTEX account put to the test: VTEX is really called, and nothing is written anywhere.

1. Log in: key and token match, and the account is there. 2. At once: list an order and read it, read the hook's
configuration, search one customer. Each failure is a finding of its own, and none hides another.
Source: vtexid's apptoken login, and the permissions that each route names in VTEX's OpenAPI documents.
"""

import asyncio
from collections.abc import Mapping
from typing import Literal, NamedTuple

from app.connectors.listing import Access
from app.connectors.reading import JsonObject
from app.connectors.tools import Checked, Found, Tools
from app.connectors.vtex.client import VtexClient
from app.connectors.vtex.email import is_masked
from app.connectors.vtex.findings import (
    ALL_FINE,
    CUSTOMERS,
    FIELDS,
    HOOK,
    ORDER,
    ORDER_LIST,
    Finding,
    FindingCode,
    Subject,
    explain_account,
    explain_credentials,
    explain_failure,
    explain_no_answer,
    explain_protection,
)
from app.connectors.vtex.host import LookUp, is_known_host, look_up_host
from app.core.errors import ObjectNotFoundError, ProviderError, ProviderUnavailableError
from schemas.records import RecordStream

# Not an order of anybody: whoever may read orders is told that it is not there, whoever may not is refused.
_NO_ORDER_ID = "acequia-permission-check-00"
_REFERENCE_ACCOUNT = "api"  # VTEX documents api.{environment}.com.br as a host of its own
_MASKED_TOGETHER = ("firstName", "lastName", "document")


class Validation(NamedTuple):
    """`is_valid`: nothing found needs mending first. `streams`: what these credentials can read as they are now."""

    is_valid: bool
    findings: list[Finding]
    streams: tuple[RecordStream, ...]


class _Probed(NamedTuple):
    """What one probe found. `protection`: a sign of Data Protection Plus that it saw."""

    findings: tuple[Finding, ...] = ()
    streams: tuple[RecordStream, ...] = ()
    protection: Literal["masked", "no_customers"] | None = None


# After these nobody knows that the credentials are good.
_NOT_TAKEN: frozenset[FindingCode] = frozenset(
    {"wrong_credentials", "wrong_account", "provider_unavailable", "provider_throttled"}
)


async def check(tools: Tools, access: Access) -> Checked:
    """As `validate`. Wrong credentials are of no use, nor are those that may read no orders; a provider that is down,
    and a permission that is only useful, stand in nobody's way."""
    client = VtexClient(tools.outbound, url_template=tools.settings.vtex_url_template)
    found = await validate(client, *access.place)
    codes = {finding.code for finding in found.findings}
    is_useless = "missing_permission" in codes and "orders" not in found.streams
    return Checked(
        [Found(one.code, one.severity, one.message, FIELDS.get(one.code), one.permission) for one in found.findings],
        is_taken=_NOT_TAKEN.isdisjoint(codes),
        is_refused=not codes.isdisjoint({"wrong_credentials", "wrong_account"}) or is_useless,
        streams=found.streams,
    )


async def validate(
    client: VtexClient,
    account: str,
    environment: str,
    credentials: Mapping[str, str],
    *,
    look_up: LookUp = look_up_host,
) -> Validation:
    """What these credentials can do. Raises MappingError for an account or environment that makes no address; what
    VTEX answers, or does not, is a finding and never an error."""
    place = _Place(client, account, environment, credentials)
    refusal = await _log_in(place, look_up)
    if refusal is not None:
        return Validation(False, [refusal], ())
    probed = await asyncio.gather(_probe_orders(place), _probe_hook(place), _probe_customers(place))
    findings = list(dict.fromkeys(finding for part in probed for finding in part.findings))
    streams = tuple(stream for part in probed for stream in part.streams)
    signs = {part.protection for part in probed} - {None}
    if signs:
        findings.append(explain_protection(is_masked="masked" in signs, has_customers="customers" in streams))
    is_valid = not any(finding.severity == "error" for finding in findings)
    return Validation(is_valid, findings or [ALL_FINE], streams)


class _Place(NamedTuple):
    client: VtexClient
    account: str
    environment: str
    credentials: Mapping[str, str]

    @property
    def target(self) -> tuple[str, str, Mapping[str, str]]:
        return self.account, self.environment, self.credentials


async def _log_in(place: _Place, look_up: LookUp) -> Finding | None:
    """What stands in the way of every other call; None when nothing does."""
    client, account, environment = place.client, place.account, place.environment
    try:
        is_right = await client.log_in(*place.target)
    except ObjectNotFoundError:
        return explain_account(account, environment)
    except ProviderError as error:
        if error.status or not isinstance(error, ProviderUnavailableError):
            return explain_failure(error, account, Subject("to log in", ""))
        hosts = client.get_host(account, environment), client.get_host(_REFERENCE_ACCOUNT, environment)
        if await is_known_host(*hosts, look_up) is False:
            return explain_account(account, environment)
        return explain_no_answer(account, environment)
    return None if is_right else explain_credentials(account, place.credentials["app_key"])


async def _probe_orders(place: _Place) -> _Probed:
    """The list and one order of it. Without a list any id shows whether orders may be read."""
    findings: list[Finding] = []
    order_id: str | None = None
    try:
        orders = await place.client.list_newest_orders(*place.target, rows_max=1)
        order_id = JsonObject(orders[0]).find_text("orderId") if orders else None
    except ProviderError as error:
        findings.append(explain_failure(error, place.account, ORDER_LIST))
    protection: Literal["masked"] | None = None
    try:
        order = await place.client.fetch_order(*place.target, order_id or _NO_ORDER_ID)
        protection = "masked" if _is_masked_order(order) else None
    except ObjectNotFoundError:
        pass  # it may be read; a listed one was taken away meanwhile
    except ProviderError as error:
        findings.append(explain_failure(error, place.account, ORDER))
        return _Probed(tuple(findings))
    return _Probed(tuple(findings), ("orders",), protection)


async def _probe_hook(place: _Place) -> _Probed:
    try:
        await place.client.get_hook(*place.target)
    except ProviderError as error:
        return _Probed((explain_failure(error, place.account, HOOK),))
    return _Probed()


async def _probe_customers(place: _Place) -> _Probed:
    try:
        await place.client.probe_customers(*place.target)
    except ObjectNotFoundError:
        return _Probed(protection="no_customers")  # no entity CL: such stores keep their shoppers elsewhere
    except ProviderError as error:
        return _Probed((explain_failure(error, place.account, CUSTOMERS),))
    return _Probed(streams=("customers",))


def _is_masked_order(document: object) -> bool:
    """Whether all that is told of the shopper is masked: one odd name alone says nothing about the store."""
    profile = JsonObject(document).get_object("clientProfileData")
    told = [text for name in _MASKED_TOGETHER if (text := profile.find_text(name)) is not None]
    return bool(told) and all(is_masked(text) for text in told)
