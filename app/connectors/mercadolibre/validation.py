"""Checks MercadoLibre credentials by really calling: a refresh, the seller, and a search of one order.

The refresh uses the entered token up, so its outcome is kept: `seller.vault` must outlive the check, or nobody could
use the integration that is made of it. Each wrong thing has a finding of its own that says what to do.
"""

from app.connectors.listing import Access
from app.connectors.mercadolibre.access import read_application
from app.connectors.mercadolibre.client import MercadoLibreClient, Seller
from app.connectors.mercadolibre.findings import (
    MAY_PASS,
    explain,
    explain_access,
    explain_failure,
    explain_seller,
    explain_site,
)
from app.connectors.tools import Checked, Found, Tools, conclude
from app.core.errors import ProviderError

_ANY_ORDER = {"order.status": "paid", "limit": "1"}


async def check(tools: Tools, access: Access) -> Checked:
    """`account` is the seller, where a refresh told it. Raises MappingError for a field that is missing."""
    application = read_application(access.config, access.credentials)
    vault = tools.open_vault(access, application.origin)
    client = MercadoLibreClient(tools.outbound, base_url=tools.settings.mercadolibre_url)
    return await validate(client, Seller(application, vault, tools.priority), access.config.get("user_id"))


async def validate(client: MercadoLibreClient, seller: Seller, user_id: str | None = None) -> Checked:
    """`user_id`: who the seller is said to be. Raises nothing of the provider's: that is what is found."""
    told_id: str | None = None
    try:
        told_id = (await client.get_tokens(seller)).user_id
        found = await _look(client, seller) if user_id in {None, "", told_id} else explain_seller(str(user_id), told_id)
    except ProviderError as error:
        found = explain_failure(error)
    return conclude([found], MAY_PASS, ["orders"])._replace(account=told_id)


async def _look(client: MercadoLibreClient, seller: Seller) -> Found:
    """Raises ProviderError."""
    me = await client.get_me(seller)
    site_id = me.find_text("site_id", chars_max=10)
    if site_id is not None and site_id != seller.application.site_id:
        return explain_site(seller.application.site_id, site_id)
    await client.search_orders(seller, _ANY_ORDER)
    if me.get_object("status").find_text("site_status", chars_max=40) not in {None, "active"}:
        return explain("seller_not_active", "warning")
    return explain_access(me.find_text("nickname", chars_max=100))
