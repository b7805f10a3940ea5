"""What syncs list a MercadoLibre seller with."""

from collections.abc import Mapping

from app.connectors.listing import StreamReader
from app.connectors.mercadolibre.client import MercadoLibreClient
from app.connectors.mercadolibre.order_reader import OrderReader
from app.connectors.mercadolibre.sellers import make_find_seller
from app.connectors.tools import Tools
from schemas.records import RecordStream


def make_readers(tools: Tools) -> Mapping[RecordStream, StreamReader]:
    """One: orders are all there is."""
    client = MercadoLibreClient(tools.outbound, base_url=tools.settings.mercadolibre_url)
    return {"orders": OrderReader(client, make_find_seller(tools), lag_s=tools.settings.mercadolibre_index_lag_s)}
