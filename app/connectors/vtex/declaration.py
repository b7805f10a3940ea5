"""What VTEX needs from a brand, and what it can deliver. Forms, checks, masking and docs follow from it."""

from app.connectors.contract import PRINTABLE, SYNC_FREQUENCY, Connector, Endpoint, Field, Stream
from app.connectors.vtex.account import ACCOUNT_PATTERN, ENVIRONMENTS
from app.connectors.vtex.errors import classify
from app.connectors.vtex.live_reader import VtexLiveReader
from app.connectors.vtex.mapping import MAPPER_VERSION, map_customer, map_order
from app.connectors.vtex.readers import make_readers
from app.connectors.vtex.validation import check

CONNECTOR = Connector(
    name="vtex",
    label="VTEX",
    mapper_version=MAPPER_VERSION,
    config=(
        Field(
            name="account",
            label="Account name",
            help="the store's account, as in https://{account}.myvtex.com: lower-case letters, digits and hyphens",
            pattern=ACCOUNT_PATTERN,
            chars_max=63,
            aliases=("account_name",),
            is_in_address=True,
        ),
        Field(
            name="environment",
            label="Environment",
            help="vtexcommercestable, unless VTEX told you otherwise",
            is_required=False,
            default="vtexcommercestable",
            choices=ENVIRONMENTS,
            is_in_address=True,
        ),
        SYNC_FREQUENCY,
    ),
    credentials=(
        Field(
            name="app_key",
            label="App key",
            help="a key made for Acequia alone (vtexappkey-…): VTEX keeps one order hook per key",
            pattern=PRINTABLE,
            chars_max=120,
        ),
        Field(
            name="app_token",
            label="App token",
            help="the token shown once when the key was made",
            is_secret=True,
            pattern=PRINTABLE,
            chars_max=500,
        ),
    ),
    streams=(
        Stream("orders", "Orders", "OMS / View order, OMS / List Orders, OMS / Feed v3 and Hook Admin"),
        Stream("customers", "Customers", "Dynamic Storage / Read only documents"),
    ),
    endpoints=(
        Endpoint("order_hook", "orders", "Orders hook", "secret_header", is_retried=True),
        Endpoint("customer_trigger", "customers", "Master Data trigger", "address", is_retried=False),
    ),
    mappers={"orders": map_order, "customers": map_customer},
    classify=classify,
    make_readers=make_readers,
    make_live_reader=VtexLiveReader,
    name_budget=lambda account, _: account,
    check=check,
)
