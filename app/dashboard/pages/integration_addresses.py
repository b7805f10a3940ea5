"""The addresses that a provider calls, each a secret: shown to who asks for them, which is audited."""

from app.connectors.registry import get_connector
from app.dashboard.page import Page, View
from app.dashboard.pages.integrations import find_integration, read_integration
from app.dashboard.visit import Visit
from app.services.integration_addresses import TRIGGER_BODY, reveal_addresses
from app.services.integration_reads import get_row
from schemas.integrations import ProviderAddress

STEPS_MAX = 12


async def show_addresses(visit: Visit) -> View:
    """Only which there are: a link that is followed shows no secret."""
    shown, _ = await read_integration(visit)
    data = {"integration": shown, "connector": get_connector(shown.type), "addresses": None}
    return View("integrations/addresses.html", data)


async def reveal(visit: Visit) -> View:
    shown, _ = await read_integration(visit)
    row = await get_row(visit.office, visit.tenant_id, find_integration(visit))
    addresses = await reveal_addresses(visit.office, row, actor=visit.actor)
    data = {
        "integration": shown,
        "connector": get_connector(shown.type),
        "addresses": [(one, list_steps(visit, shown.type, shown.account, one)) for one in addresses],
    }
    return View("integrations/addresses.html", data)


def list_steps(visit: Visit, connector: str, account: str, address: ProviderAddress) -> list[str]:
    """What somebody must do by hand with an address, in the viewer's language. Nobody has said it there: in English."""
    keys = (f"connectors.{connector}.step_{address.kind}_{n}" for n in range(1, STEPS_MAX + 1))
    known = [key for key in keys if visit.texts.has(key)]
    if not known or address.url is None:
        return list(address.steps)
    return [visit.t(key, account=account, body=TRIGGER_BODY) for key in known]


PAGES = (
    Page(
        "integrations.addresses", "/tenants/{tenant_id:int}/integrations/{integration_id}/addresses", "tenant",
        "integrations:write", show_addresses, reveal,
    ),
)  # fmt: skip
