"""Checks Facebook Ads credentials by really calling: what Meta knows of the token, and the ad account.

Nothing is written there and nothing kept here. Each wrong thing has a finding of its own that says what to do.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from app.connectors.facebook_ads.access import FacebookAccess
from app.connectors.facebook_ads.client import FacebookClient
from app.connectors.facebook_ads.findings import (
    SCOPES,
    FacebookFinding,
    explain,
    explain_access,
    explain_end,
    explain_failure,
)
from app.connectors.reading import JsonObject
from app.core.errors import CredentialsRefusedError, ProviderError, ProviderRefusedError

WARNED_AHEAD = timedelta(days=14)
_ACTIVE = 1
_PROOF = "100"  # with no subcode: "API calls from the server require an appsecret_proof argument"


class FacebookValidation(NamedTuple):
    """`ends_at`: of the token; None: never, or nobody knows."""

    findings: list[FacebookFinding]
    ends_at: datetime | None = None

    @property
    def is_valid(self) -> bool:
        return not any(finding.severity == "error" for finding in self.findings)


async def validate(client: FacebookClient, access: FacebookAccess, now: datetime) -> FacebookValidation:
    """Raises nothing of the provider's: that is what is found."""
    findings: list[FacebookFinding] = []
    ends_at: datetime | None = None
    if access.app_secret:
        try:
            token = await client.debug_token(access)
        except CredentialsRefusedError:
            return FacebookValidation([explain("wrong_secret")])
        except ProviderError as error:
            return FacebookValidation([explain_failure(error)])
        ends_at = _read_end(token, "expires_at")
        findings = _judge_token(token, access, now, ends_at)
        if any(finding.severity == "error" for finding in findings):
            return FacebookValidation(findings, ends_at)
    else:
        findings.append(explain("not_looked_into", "warning"))
    try:
        account = await client.get_account(access, priority="live")
    except ProviderError as error:
        is_proof = not access.app_secret and isinstance(error, ProviderRefusedError) and error.told == _PROOF
        findings.append(explain("proof_needed") if is_proof else explain_failure(error))
        return FacebookValidation(findings, ends_at)
    if account.find_integer("account_status") not in (None, _ACTIVE):
        findings.append(explain("account_not_active", "warning"))
    if not any(finding.severity == "warning" and finding.code != "not_looked_into" for finding in findings):
        findings.append(explain_access(account.find_text("currency"), account.find_text("timezone_name")))
    return FacebookValidation(findings, ends_at)


def _judge_token(
    token: JsonObject, access: FacebookAccess, now: datetime, ends_at: datetime | None
) -> list[FacebookFinding]:
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
