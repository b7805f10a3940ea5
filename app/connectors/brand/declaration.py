"""A brand's own middleware: it sends provider-neutral documents, signed as Standard Webhooks; nothing is fetched."""

from app.connectors.brand.mapping import MAPPER_VERSION, map_inline_document
from app.connectors.contract import Connector, Endpoint, Field, Stream

CONNECTOR = Connector(
    name="brand",
    label="Your own systems",
    mapper_version=MAPPER_VERSION,
    config=(
        Field(
            name="account",
            label="Source name",
            help="a short name for the sending system: lower-case letters, digits and hyphens",
            pattern=r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?",
            chars_max=63,
        ),
    ),
    credentials=(),
    streams=(
        Stream("orders", "Orders", "none: documents are signed with the endpoint's secret"),
        Stream("customers", "Customers", "none: documents are signed with the endpoint's secret"),
    ),
    endpoints=(Endpoint("inline", None, "Signed documents", "signature", is_retried=True),),
    mappers={"orders": map_inline_document, "customers": map_inline_document},
)
