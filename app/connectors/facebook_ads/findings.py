"""What a check of Facebook Ads credentials found, in words that a brand can act on, without any secret."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Literal, NamedTuple

from app.core.errors import CredentialsRefusedError, ProviderError, ThrottledError

FacebookFindingCode = Literal[
    "reconnect", "wrong_secret", "wrong_app", "scope_missing", "no_access", "account_not_active", "proof_needed",
    "token_ends", "data_access_ended", "not_looked_into", "provider_refused", "provider_unavailable",
    "provider_throttled", "all_fine",
]  # fmt: skip
SCOPES = ("ads_read", "ads_management")

_SAYS: Mapping[FacebookFindingCode, str] = MappingProxyType(
    {
        "reconnect": "Meta does not take this access token any more: it ended or was revoked, or the password changed. "
        "Make a new one, best of a system user: a person's own ends after 60 days.",
        "wrong_secret": "Meta does not know this app id with this app secret: copy both from the app's settings again.",
        "wrong_app": "The access token is another app's: enter that app's id and secret, or a token of this one.",
        "scope_missing": "The access token lacks ads_read: make one with it.",
        "no_access": "Whoever the token belongs to has no access to this ad account, or there is no such one: assign "
        "the account to the system user in Business settings.",
        "account_not_active": "The ad account is not active at Meta. What it spent can be read; nothing new will come.",
        "proof_needed": "The app asks for a proof with each call: enter its app secret.",
        "data_access_ended": "Meta's access to the data has ended for this person: log in to the app again.",
        "not_looked_into": "Without the app secret, nobody can say when the token ends: enter it to be warned ahead.",
        "provider_unavailable": "Meta did not answer so that it could be read, which says nothing of your credentials. "
        "Try again in some minutes.",
    }
)


class FacebookFinding(NamedTuple):
    """One thing found."""

    code: FacebookFindingCode
    severity: Literal["error", "warning", "info"]
    message: str


def explain(code: FacebookFindingCode, severity: Literal["error", "warning", "info"] = "error") -> FacebookFinding:
    """The finding of that code."""
    return FacebookFinding(code, severity, _SAYS[code])


def explain_failure(error: ProviderError) -> FacebookFinding:
    """The finding of a call on the account that failed."""
    if isinstance(error, ThrottledError):
        wait = f" Try again in {error.retry_after_s:.0f} s." if error.retry_after_s else " Try again later."
        return FacebookFinding("provider_throttled", "error", f"Meta limits this app's calls to the account now.{wait}")
    if isinstance(error, CredentialsRefusedError):
        return explain("reconnect")
    code = error.told.partition("/")[0]
    if error.told == "100/33" or code in ("3", "10") or (code.isdecimal() and 200 <= int(code) < 300):
        return explain("no_access")
    if error.told and not error.is_retryable:
        return FacebookFinding("provider_refused", "error", f"Meta refuses it with code {error.told}.")
    return explain("provider_unavailable")


def explain_end(ends_at: datetime) -> FacebookFinding:
    message = f"The access token ends at {ends_at:%Y-%m-%d %H:%M} UTC: make a new one before, best of a system user."
    return FacebookFinding("token_ends", "warning", message)


def explain_access(currency: str | None, time_zone: str | None) -> FacebookFinding:
    message = f"The ad account can be read. Its figures are in {currency}, its days are those of {time_zone}."
    return FacebookFinding("all_fine", "info", message)
