"""What a check of Google Ads credentials found, in words that a brand can act on, without any secret."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from app.connectors.tools import Found
from app.core.errors import CredentialsRefusedError, ProviderError, ThrottledError

FindingCode = Literal[
    "wrong_client", "reconnect", "no_access", "manager_account", "account_not_enabled", "project_not_approved",
    "scope_missing", "token_missing", "version_ended", "provider_refused", "provider_unavailable",
    "provider_throttled", "all_fine",
]  # fmt: skip
CHILDREN_NAMED_MAX = 5
# Which field somebody must change.
FIELDS: Mapping[FindingCode, str] = MappingProxyType(
    {
        "wrong_client": "client_secret",
        "reconnect": "refresh_token",
        "no_access": "customer_id",
        "manager_account": "customer_id",
        "account_not_enabled": "customer_id",
        "project_not_approved": "client_id",
        "scope_missing": "refresh_token",
        "token_missing": "refresh_token",
    }
)
MAY_PASS = frozenset({"provider_unavailable", "provider_throttled", "version_ended", "token_missing"})

_BY_TOLD: Mapping[str, FindingCode] = MappingProxyType(
    {
        "invalid_client": "wrong_client",
        "unauthorized_client": "wrong_client",
        "authorizationError.USER_PERMISSION_DENIED": "no_access",
        "authenticationError.CUSTOMER_NOT_FOUND": "no_access",
        "authenticationError.NOT_ADS_USER": "no_access",
        "authorizationError.CUSTOMER_NOT_ENABLED": "account_not_enabled",
        "authorizationError.CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION": "project_not_approved",
        "authorizationError.DEVELOPER_TOKEN_NOT_APPROVED": "project_not_approved",
        "authorizationError.PROJECT_DISABLED": "project_not_approved",
        "queryError.REQUESTED_METRICS_FOR_MANAGER": "manager_account",
        "requestError.UNSUPPORTED_VERSION": "version_ended",
        "PERMISSION_DENIED": "scope_missing",
    }
)
_SAYS: Mapping[FindingCode, str] = MappingProxyType(
    {
        "wrong_client": "Google does not know this OAuth client id with this secret: copy both from the Cloud project "
        "again (APIs & Services > Credentials).",
        "reconnect": "The authorisation is not valid any more: consent again and enter the new refresh token. It ends "
        "after 7 days while the consent screen is in testing, after 6 months without use, and when it is revoked.",
        "no_access": "Whoever consented has no access to this account, or has it through a manager: enter that "
        "manager's customer id, or consent as somebody with access.",
        "account_not_enabled": "The account is not enabled at Google: it was cancelled, or its sign-up is not done.",
        "project_not_approved": "The Google Cloud project may only read test accounts: apply for access there.",
        "scope_missing": "The consent lacks the scope adwords: consent again with it.",
        "token_missing": "Without a refresh token nothing can be read: consent with the scope adwords, and enter the "
        "token.",
        "version_ended": "Google has ended the version of its API that is set (GOOGLE_ADS_VERSION): ask the operator.",
        "provider_unavailable": "Google did not answer so that it could be read, which says nothing of your "
        "credentials. Try again in some minutes.",
    }
)


def explain(code: FindingCode) -> Found:
    """The finding of that code."""
    permission = "adwords" if code == "scope_missing" else None
    return Found(code, "error", _SAYS[code], FIELDS.get(code), permission)


def explain_failure(error: ProviderError) -> Found:
    """The finding of a call that failed."""
    if isinstance(error, ThrottledError):
        wait = f" Try again in {error.retry_after_s:.0f} s." if error.retry_after_s else " Try again later."
        return Found("provider_throttled", "error", f"Google limits the calls of this Cloud project now.{wait}")
    code = _BY_TOLD.get(error.told)
    if code is None and isinstance(error, CredentialsRefusedError):
        code = "reconnect"
    if code == "manager_account":
        return explain_manager([])
    if code is not None:
        return explain(code)
    if error.told and not error.is_retryable:
        return Found("provider_refused", "error", f"Google refuses it: {error.told}.", about=error.told)
    return explain("provider_unavailable")


def explain_manager(children: list[str]) -> Found:
    """`children`: ids of the accounts below it."""
    shown = ", ".join(f"{one[:3]}-{one[3:6]}-{one[6:]}" for one in children[:CHILDREN_NAMED_MAX])
    more = len(children) - CHILDREN_NAMED_MAX
    below = f" It has these accounts: {shown}{f' and {more} more' if more > 0 else ''}." if children else ""
    message = (
        "This is a manager account: it has no spend of its own. Connect an account below it, with this one as the "
    )
    about = f"{shown}{f' (+{more})' if more > 0 else ''}" if children else "—"
    return Found(
        "manager_account", "error", f"{message}manager's customer id.{below}", FIELDS["manager_account"], about=about
    )


def explain_access(currency: str | None, time_zone: str | None) -> Found:
    message = f"The account can be read. Its figures are in {currency}, its days are those of {time_zone}."
    return Found("all_fine", "info", message, about=f"{currency}, {time_zone}")
