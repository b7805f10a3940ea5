"""Checks Google Ads credentials by really calling: the token endpoint, the accounts in reach, the account itself.

Nothing is written there and nothing kept here. Each wrong thing has a finding of its own that says what to do.
"""

from app.connectors.google_ads.access import GoogleAccess, read_access
from app.connectors.google_ads.client import GoogleAdsClient
from app.connectors.google_ads.findings import MAY_PASS, explain, explain_access, explain_failure, explain_manager
from app.connectors.listing import Access
from app.connectors.tools import Checked, Found, Tools, conclude
from app.core.errors import ProviderError

_STREAMS = ("ad_spend",)


async def check(tools: Tools, access: Access) -> Checked:
    """With a client of its own, so that no access token of before hides what has become of the authorisation. Raises
    MappingError for a field that is missing; a consent that nobody has given yet is found."""
    if not access.credentials.get("refresh_token"):
        return conclude([explain("token_missing")], MAY_PASS, _STREAMS)
    settings = tools.settings
    client = GoogleAdsClient(
        tools.outbound, base_url=settings.google_ads_url, token_url=settings.google_oauth_url,
        version=settings.google_ads_version,
    )  # fmt: skip
    return await validate(client, read_access(access.config, access.credentials))


async def validate(client: GoogleAdsClient, access: GoogleAccess) -> Checked:
    """Raises nothing of the provider's: that is what is found."""
    try:
        found = await _look(client, access)
    except ProviderError as error:
        found = explain_failure(error)
    return conclude([found], MAY_PASS, _STREAMS)


async def _look(client: GoogleAdsClient, access: GoogleAccess) -> Found:
    """Raises ProviderError."""
    await client.list_accessible_customers(access)  # token and project, before any account is looked at
    customer = await client.get_customer(access)
    if not customer.is_manager:
        return explain_access(customer.currency, customer.time_zone)
    children = await client.list_children(access)
    return explain_manager([child.customer_id for child in children if not child.is_manager])
