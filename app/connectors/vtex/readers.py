"""What syncs list a VTEX account with: one reader a stream, over one client."""

from collections.abc import Mapping

from app.connectors.listing import StreamReader
from app.connectors.tools import Tools
from app.connectors.vtex.calls import Calls
from app.connectors.vtex.client import VtexClient
from app.connectors.vtex.customer_reader import CustomerReader, ReadLimits
from app.connectors.vtex.order_reader import OrderReader
from schemas.records import RecordStream


def make_readers(tools: Tools) -> Mapping[RecordStream, StreamReader]:
    """The readers, with the limits as set."""
    outbound, settings = tools.outbound, tools.settings
    calls = Calls(outbound, settings.vtex_url_template)
    client = VtexClient(outbound, url_template=settings.vtex_url_template)
    limits = ReadLimits(
        scroll_documents=settings.vtex_scroll_documents,
        window_documents=settings.vtex_scroll_window_documents,
        users_per_call=settings.vtex_address_users,
        calls_at_once=settings.vtex_address_calls,
    )
    lag_s = settings.vtex_index_lag_s
    return {
        "orders": OrderReader(calls, client, lag_s=lag_s),
        "customers": CustomerReader(calls, client, limits, lag_s=lag_s),
    }
