"""Whose orders an integration's are, with its tokens, for whoever works with what a process has."""

from collections.abc import Callable

from app.connectors.listing import Access
from app.connectors.mercadolibre.access import read_application
from app.connectors.mercadolibre.client import Seller
from app.connectors.tools import Tools


def make_find_seller(tools: Tools) -> Callable[[Access], Seller]:
    """Raises MappingError for an integration that lacks a field. Its account must be the seller's own id: rows of
    nobody else may stand under it."""

    def find_seller(access: Access) -> Seller:
        application = read_application(access.config, access.credentials)
        vault = tools.open_vault(access, application.origin)
        return Seller(application, vault, tools.priority, access.account)

    return find_seller
