"""Checks MercadoLibre credentials by really calling: a refresh, the seller, and a search of one order.

The refresh uses the entered token up, so its outcome is kept: `seller.vault` must outlive the check, or nobody could
use the integration that is made of it. Each wrong thing has a finding of its own that says what to do.
"""

from typing import NamedTuple

from app.connectors.mercadolibre.client import MercadoLibreClient, Seller
from app.connectors.mercadolibre.findings import (
    MercadoLibreFinding,
    explain,
    explain_access,
    explain_failure,
    explain_site,
)
from app.core.errors import ProviderError

_ANY_ORDER = {"order.status": "paid", "limit": "1"}


class MercadoLibreValidation(NamedTuple):
    """`user_id`: the seller, where a refresh told it: the account's real name."""

    findings: list[MercadoLibreFinding]
    user_id: str | None = None

    @property
    def is_valid(self) -> bool:
        return not any(finding.severity == "error" for finding in self.findings)


async def validate(client: MercadoLibreClient, seller: Seller) -> MercadoLibreValidation:
    """Raises nothing of the provider's: that is what is found."""
    user_id: str | None = None
    try:
        user_id = (await client.get_tokens(seller)).user_id
        me = await client.get_me(seller)
        site_id = me.find_text("site_id", chars_max=10)
        if site_id is not None and site_id != seller.application.site_id:
            return MercadoLibreValidation([explain_site(seller.application.site_id, site_id)], user_id)
        await client.search_orders(seller, _ANY_ORDER)
    except ProviderError as error:
        return MercadoLibreValidation([explain_failure(error)], user_id)
    status = me.get_object("status").find_text("site_status", chars_max=40)
    if status not in (None, "active"):
        return MercadoLibreValidation([explain("seller_not_active", "warning")], user_id)
    return MercadoLibreValidation([explain_access(me.find_text("nickname", chars_max=100))], user_id)
