"""What a check of MercadoLibre credentials found, in words that a brand can act on, without any secret."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from app.core.errors import CredentialsRefusedError, ProviderError, ThrottledError

MercadoLibreFindingCode = Literal[
    "reconnect", "wrong_client", "application_blocked", "wrong_site", "seller_not_active", "missing_permission",
    "provider_refused", "provider_unavailable", "provider_throttled", "all_fine",
]  # fmt: skip

_SAYS: Mapping[MercadoLibreFindingCode, str] = MappingProxyType(
    {
        "reconnect": "The refresh token does not count any more: it was used, it ended, or the seller withdrew it. "
        "Authorise the application again as the account's administrator, and enter the new token: it is good once.",
        "wrong_client": "MercadoLibre does not know this application id with this secret: copy both again from the "
        "developer console.",
        "application_blocked": "MercadoLibre has blocked the application, or it may not act for sellers: look into the "
        "developer console.",
        "missing_permission": "The application may not read orders: give it the functional permission for orders in "
        "the developer console, and authorise it again.",
        "seller_not_active": "The seller's account is not active at MercadoLibre: orders can be read, new ones may not "
        "come.",
        "provider_unavailable": "MercadoLibre did not answer so that it could be read, which says nothing of your "
        "credentials. Try again in some minutes.",
    }
)
_BY_TOLD: Mapping[str, MercadoLibreFindingCode] = MappingProxyType(
    {
        "invalid_client": "wrong_client",
        "unauthorized_client": "application_blocked",
        "unauthorized_application": "application_blocked",
        "unauthorized_scopes": "application_blocked",
    }
)


class MercadoLibreFinding(NamedTuple):
    """One thing found."""

    code: MercadoLibreFindingCode
    severity: Literal["error", "warning", "info"]
    message: str


def explain(
    code: MercadoLibreFindingCode, severity: Literal["error", "warning", "info"] = "error"
) -> MercadoLibreFinding:
    """The finding of that code."""
    return MercadoLibreFinding(code, severity, _SAYS[code])


def explain_failure(error: ProviderError) -> MercadoLibreFinding:
    """The finding of a call that failed."""
    if isinstance(error, ThrottledError):
        wait = f" Try again in {error.retry_after_s:.0f} s." if error.retry_after_s else " Try again later."
        return MercadoLibreFinding("provider_throttled", "error", f"MercadoLibre limits the application's calls.{wait}")
    if error.told in _BY_TOLD:
        return explain(_BY_TOLD[error.told])
    if isinstance(error, CredentialsRefusedError):
        return explain("reconnect")
    if error.status == 403:
        return explain("missing_permission")
    if error.told and not error.is_retryable:
        return MercadoLibreFinding("provider_refused", "error", f"MercadoLibre refuses it: {error.told}.")
    return explain("provider_unavailable")


def explain_site(configured: str, real: str) -> MercadoLibreFinding:
    message = f"The seller sells on {real}, not on {configured}: change the site."
    return MercadoLibreFinding("wrong_site", "error", message)


def explain_access(nickname: str | None) -> MercadoLibreFinding:
    message = f"Orders of the seller {nickname or 'that authorised the application'} can be read."
    return MercadoLibreFinding("all_fine", "info", message)
