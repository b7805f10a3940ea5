"""Checks Facebook Ads credentials by really calling: what Meta knows of the token, and the ad account.

Nothing is written there and nothing kept here. Each wrong thing has a finding of its own that says what to do.
"""

from datetime import UTC, datetime, timedelta

from app.connectors.facebook_ads.access import FacebookAccess, read_access
from app.connectors.facebook_ads.client import FacebookClient
from app.connectors.facebook_ads.findings import (
    MAY_PASS,
    SCOPES,
    explain,
    explain_access,
    explain_end,
    explain_failure,
)
from app.connectors.listing import Access
from app.connectors.reading import JsonObject
from app.connectors.tools import Checked, Found, Tools, conclude
from app.core.errors import CredentialsRefusedError, ProviderError, ProviderRefusedError

WARNED_AHEAD = timedelta(days=14)
_STREAMS = ("ad_spend",)
_ACTIVE = 1
_PROOF = "100"  # with no subcode: "API calls from the server require an appsecret_proof argument"
_ANOTHER_APP = "100"  # with no subcode: "The App_id in the input_token did not match the Viewing App"


async def check(tools: Tools, access: Access) -> Checked:
    """`ends_at`: of the token, where the app's secret is there to ask with. Raises MappingError for a field that is
    missing."""
    client = FacebookClient(
        tools.outbound, base_url=tools.settings.facebook_url, version=tools.settings.facebook_version
    )
    return await validate(client, read_access(access.config, access.credentials), datetime.now(UTC))


async def validate(client: FacebookClient, access: FacebookAccess, now: datetime) -> Checked:
    """Raises nothing of the provider's: that is what is found."""
    if not access.app_secret:
        return _conclude(await _look(client, access, [explain("not_looked_into", "warning")]))
    try:
        token = await client.debug_token(access)
    except ProviderError as error:
        return _conclude([_explain_debug(error)])
    ends_at = _read_end(token, "expires_at")
    findings = _judge_token(token, access, now, ends_at)
    if any(found.severity == "error" for found in findings):
        return _conclude(findings)
    return _conclude(await _look(client, access, findings))._replace(ends_at=ends_at, is_end_known=True)


async def _look(client: FacebookClient, access: FacebookAccess, before: list[Found]) -> list[Found]:
    """What the account itself adds to what was found before."""
    try:
        account = await client.get_account(access, priority="live")
    except ProviderError as error:
        is_proof = not access.app_secret and isinstance(error, ProviderRefusedError) and error.told == _PROOF
        return [*before, explain("proof_needed") if is_proof else explain_failure(error)]
    if account.find_integer("account_status") not in {None, _ACTIVE}:
        return [*before, explain("account_not_active", "warning")]
    if any(found.code != "not_looked_into" for found in before):
        return before
    return [*before, explain_access(account.find_text("currency"), account.find_text("timezone_name"))]


def _conclude(findings: list[Found]) -> Checked:
    return conclude(findings, MAY_PASS, _STREAMS)


def _explain_debug(error: ProviderError) -> Found:
    """Meta looks only into tokens of the app that asks, and only for who knows its secret."""
    if isinstance(error, CredentialsRefusedError):
        return explain("wrong_secret")
    if isinstance(error, ProviderRefusedError) and error.told == _ANOTHER_APP:
        return explain("wrong_app")
    return explain_failure(error)


def _judge_token(token: JsonObject, access: FacebookAccess, now: datetime, ends_at: datetime | None) -> list[Found]:
    if token.find_flag("is_valid") is not True:
        return [explain("reconnect")]
    if access.app_id and token.find_text("app_id") != access.app_id:
        return [explain("wrong_app")]
    scopes = token.peek("scopes")
    if not isinstance(scopes, list) or not any(scope in scopes for scope in SCOPES):
        return [explain("scope_missing")]
    data_ends_at = _read_end(token, "data_access_expires_at")
    if data_ends_at is not None and data_ends_at <= now:
        return [explain("data_access_ended")]
    if ends_at is not None and ends_at <= now + WARNED_AHEAD:
        return [explain_end(ends_at)]
    return []


def _read_end(token: JsonObject, name: str) -> datetime | None:
    """Unix seconds; 0 is never."""
    value = token.peek(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**33:
        return None
    return datetime.fromtimestamp(value, UTC)
