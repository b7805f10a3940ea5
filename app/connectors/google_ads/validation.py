"""Checks Google Ads credentials by really calling: the token endpoint, the accounts in reach, the account itself.

Nothing is written there and nothing kept here. Each wrong thing has a finding of its own that says what to do.
"""

from typing import NamedTuple

from app.connectors.google_ads.access import GoogleAccess
from app.connectors.google_ads.client import Customer, GoogleAdsClient
from app.connectors.google_ads.findings import GoogleFinding, explain_access, explain_failure, explain_manager
from app.core.errors import ProviderError


class GoogleValidation(NamedTuple):
    """`customer`: what the account says of itself, where it could be read."""

    findings: list[GoogleFinding]
    customer: Customer | None = None

    @property
    def is_valid(self) -> bool:
        return not any(finding.severity == "error" for finding in self.findings)


async def validate(client: GoogleAdsClient, access: GoogleAccess) -> GoogleValidation:
    """Raises nothing of the provider's: that is what is found."""
    try:
        await client.list_accessible_customers(access)  # token and project, before any account is looked at
        customer = await client.get_customer(access)
        children = await client.list_children(access) if customer.is_manager else []
    except ProviderError as error:
        return GoogleValidation([explain_failure(error)])
    if customer.is_manager:
        ids = [child.customer_id for child in children if not child.is_manager]
        return GoogleValidation([explain_manager(ids)], customer)
    return GoogleValidation([explain_access(customer.currency, customer.time_zone)], customer)
