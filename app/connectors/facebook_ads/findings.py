"""What a check of Facebook Ads credentials found, in words that a brand can act on, without any secret."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from app.connectors.tools import Found
from app.core.errors import CredentialsRefusedError, ProviderError, ThrottledError

FindingCode = Literal[
    "reconnect", "wrong_secret", "wrong_app", "scope_missing", "no_access", "account_not_active", "proof_needed",
    "token_ends", "data_access_ended", "not_looked_into", "provider_refused", "provider_unavailable",
    "provider_throttled", "all_fine",
]  # fmt: skip
SCOPES = ("ads_read", "ads_management")
# Which field somebody must change.
FIELDS: Mapping[FindingCode, str] = MappingProxyType(
    {
        "reconnect": "access_token",
        "wrong_secret": "app_secret",
        "wrong_app": "app_id",
        "scope_missing": "access_token",
        "no_access": "ad_account_id",
        "account_not_active": "ad_account_id",
        "proof_needed": "app_secret",
        "token_ends": "access_token",
        "data_access_ended": "access_token",
        "not_looked_into": "app_secret",
    }
)
MAY_PASS = frozenset({"provider_unavailable", "provider_throttled"})

_SAYS: Mapping[FindingCode, str] = MappingProxyType(
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


def explain(code: FindingCode, severity: Literal["error", "warning", "info"] = "error") -> Found:
    """The finding of that code."""
    permission = SCOPES[0] if code == "scope_missing" else None
    return Found(code, severity, _SAYS[code], FIELDS.get(code), permission)


def explain_failure(error: ProviderError) -> Found:
    """The finding of a call on the account that failed."""
    if isinstance(error, ThrottledError):
        wait = f" Try again in {error.retry_after_s:.0f} s." if error.retry_after_s else " Try again later."
        return Found("provider_throttled", "error", f"Meta limits this app's calls to the account now.{wait}")
    if isinstance(error, CredentialsRefusedError):
        return explain("reconnect")
    code = error.told.partition("/")[0]
    if error.told == "100/33" or code in ("3", "10") or (code.isdecimal() and 200 <= int(code) < 300):
        return explain("no_access")
    if error.told and not error.is_retryable:
        return Found("provider_refused", "error", f"Meta refuses it with code {error.told}.", about=error.told)
    return explain("provider_unavailable")


def explain_end(ends_at: datetime) -> Found:
    moment = f"{ends_at:%Y-%m-%d %H:%M} UTC"
    message = f"The access token ends at {moment}: make a new one before, best of a system user."
    return Found("token_ends", "warning", message, FIELDS["token_ends"], about=moment)


def explain_access(currency: str | None, time_zone: str | None) -> Found:
    message = f"The ad account can be read. Its figures are in {currency}, its days are those of {time_zone}."
    return Found("all_fine", "info", message, about=f"{currency}, {time_zone}")
