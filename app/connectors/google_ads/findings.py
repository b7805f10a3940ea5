"""What a check of Google Ads credentials found, in words that a brand can act on, without any secret."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from app.core.errors import CredentialsRefusedError, ProviderError, ThrottledError

GoogleFindingCode = Literal[
    "wrong_client", "reconnect", "no_access", "manager_account", "account_not_enabled", "project_not_approved",
    "scope_missing", "version_ended", "provider_refused", "provider_unavailable", "provider_throttled", "all_fine",
]  # fmt: skip
CHILDREN_NAMED_MAX = 5

_BY_TOLD: Mapping[str, GoogleFindingCode] = MappingProxyType(
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
_SAYS: Mapping[GoogleFindingCode, str] = MappingProxyType(
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
        "version_ended": "Google has ended the version of its API that is set (GOOGLE_ADS_VERSION): ask the operator.",
        "provider_unavailable": "Google did not answer so that it could be read, which says nothing of your "
        "credentials. Try again in some minutes.",
    }
)


class GoogleFinding(NamedTuple):
    """One thing found."""

    code: GoogleFindingCode
    severity: Literal["error", "warning", "info"]
    message: str


def explain_failure(error: ProviderError) -> GoogleFinding:
    """The finding of a call that failed."""
    if isinstance(error, ThrottledError):
        wait = f" Try again in {error.retry_after_s:.0f} s." if error.retry_after_s else " Try again later."
        return GoogleFinding("provider_throttled", "error", f"Google limits the calls of this Cloud project now.{wait}")
    code = _BY_TOLD.get(error.told)
    if code is None and isinstance(error, CredentialsRefusedError):
        code = "reconnect"
    if code is not None:
        return GoogleFinding(code, "error", _SAYS[code])
    if error.told and not error.is_retryable:
        return GoogleFinding("provider_refused", "error", f"Google refuses it: {error.told}.")
    return GoogleFinding("provider_unavailable", "error", _SAYS["provider_unavailable"])


def explain_manager(children: list[str]) -> GoogleFinding:
    """`children`: ids of the accounts below it."""
    shown = ", ".join(f"{one[:3]}-{one[3:6]}-{one[6:]}" for one in children[:CHILDREN_NAMED_MAX])
    more = "" if len(children) <= CHILDREN_NAMED_MAX else f" and {len(children) - CHILDREN_NAMED_MAX} more"
    below = f" It has these accounts: {shown}{more}." if children else " It has no accounts."
    message = (
        "This is a manager account: it has no spend of its own. Connect an account below it, with this one as the "
    )
    return GoogleFinding("manager_account", "error", f"{message}manager's customer id.{below}")


def explain_access(currency: str | None, time_zone: str | None) -> GoogleFinding:
    message = f"The account can be read. Its figures are in {currency}, its days are those of {time_zone}."
    return GoogleFinding("all_fine", "info", message)
