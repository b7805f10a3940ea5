"""What a check of MercadoLibre credentials found, in words that a brand can act on, without any secret."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from app.connectors.tools import Found
from app.core.errors import CredentialsRefusedError, ProviderError, ThrottledError

FindingCode = Literal[
    "reconnect", "wrong_client", "application_blocked", "wrong_site", "wrong_seller", "seller_not_active",
    "missing_permission", "provider_refused", "provider_unavailable", "provider_throttled", "all_fine",
]  # fmt: skip
# Which field somebody must change.
FIELDS: Mapping[FindingCode, str] = MappingProxyType(
    {
        "reconnect": "refresh_token",
        "wrong_client": "client_secret",
        "application_blocked": "client_id",
        "wrong_site": "site_id",
        "wrong_seller": "user_id",
        "missing_permission": "client_id",
    }
)
MAY_PASS = frozenset({"provider_unavailable", "provider_throttled"})

_SAYS: Mapping[FindingCode, str] = MappingProxyType(
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
_BY_TOLD: Mapping[str, FindingCode] = MappingProxyType(
    {
        "invalid_client": "wrong_client",
        "unauthorized_client": "application_blocked",
        "unauthorized_application": "application_blocked",
        "unauthorized_scopes": "application_blocked",
    }
)


def explain(code: FindingCode, severity: Literal["error", "warning", "info"] = "error") -> Found:
    """The finding of that code."""
    permission = "orders" if code == "missing_permission" else None
    return Found(code, severity, _SAYS[code], FIELDS.get(code), permission)


def explain_failure(error: ProviderError) -> Found:
    """The finding of a call that failed."""
    if isinstance(error, ThrottledError):
        wait = f" Try again in {error.retry_after_s:.0f} s." if error.retry_after_s else " Try again later."
        return Found("provider_throttled", "error", f"MercadoLibre limits the application's calls.{wait}")
    if error.told in _BY_TOLD:
        return explain(_BY_TOLD[error.told])
    if isinstance(error, CredentialsRefusedError):
        return explain("reconnect")
    if error.status == 403:
        return explain("missing_permission")
    if error.told and not error.is_retryable:
        return Found("provider_refused", "error", f"MercadoLibre refuses it: {error.told}.", about=error.told)
    return explain("provider_unavailable")


def explain_site(configured: str, real: str) -> Found:
    message = f"The seller sells on {real}, not on {configured}: change the site."
    return Found("wrong_site", "error", message, FIELDS["wrong_site"], about=real)


def explain_seller(configured: str, real: str) -> Found:
    """The authorisation is another seller's than the one that was named."""
    message = f"The authorisation is of the seller {real}, not of {configured}: correct the seller id, or leave it out."
    return Found("wrong_seller", "error", message, FIELDS["wrong_seller"], about=real)


def explain_access(nickname: str | None) -> Found:
    message = f"Orders of the seller {nickname or 'that authorised the application'} can be read."
    return Found("all_fine", "info", message)
