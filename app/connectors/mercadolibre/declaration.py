"""What MercadoLibre needs from a seller, and what it can deliver.

Access tokens, their expiry and the rotated refresh token are learnt by calling and kept apart from what is declared
here: the refresh token given here is single use and only the seed.
"""

from app.connectors.contract import PRINTABLE, SYNC_FREQUENCY, Connector, Field, Stream
from app.connectors.mercadolibre.access import BILLING_FIELD, name_budget
from app.connectors.mercadolibre.errors import classify
from app.connectors.mercadolibre.live_reader import MercadoLibreLiveReader
from app.connectors.mercadolibre.mapping import MAPPER_VERSION, map_order
from app.connectors.mercadolibre.readers import make_readers
from app.connectors.mercadolibre.sites import SITES
from app.connectors.mercadolibre.validation import check

CONNECTOR = Connector(
    name="mercadolibre",
    label="MercadoLibre",
    mapper_version=MAPPER_VERSION,
    # Orders belong to the seller, whatever application reads them; the seller is told with the first access token.
    account_field="user_id",
    account_stand_in=("site_id", "client_id"),
    config=(
        Field(
            name="client_id",
            label="Application id",
            help="the id of your application in MercadoLibre's developer console: digits",
            pattern=r"[0-9a-z_]{1,40}",
            chars_max=40,
            is_in_address=True,
        ),
        Field(
            name="site_id",
            label="Site",
            help="the country's site where the seller sells: MLA is Argentina, MLB Brazil, MLM Mexico",
            choices=SITES,
            is_in_address=True,
        ),
        Field(
            name="user_id",
            label="Seller id",
            help="the seller's user id: digits. Leave it empty: MercadoLibre tells it when the first token is fetched",
            is_required=False,
            pattern=r"[0-9]{1,19}",
            chars_max=19,
            is_in_address=True,
        ),
        Field(
            name=BILLING_FIELD,
            label="Read invoice data",
            help="yes: the name and tax document of buyers are read from billing-info and kept, sealed. MercadoLibre "
            "gives them for invoices: other uses need a legal basis of the brand's own",
            is_required=False,
            default="no",
            choices=("no", "yes"),
            is_in_address=True,
        ),
        SYNC_FREQUENCY,
    ),
    credentials=(
        Field(
            name="client_secret",
            label="Application secret",
            help="the secret key of your application",
            is_secret=True,
            pattern=PRINTABLE,
        ),
        Field(
            name="refresh_token",
            label="Refresh token",
            help="TG-…, from an authorisation with offline_access by the account's administrator. It can be used once: "
            "give one that nothing else uses",
            is_secret=True,
            pattern=PRINTABLE,
            chars_max=500,
        ),
    ),
    streams=(Stream("orders", "Orders", "the functional permission for orders, with read and offline_access"),),
    mappers={"orders": map_order},
    classify=classify,
    make_readers=make_readers,
    make_live_reader=MercadoLibreLiveReader,
    name_budget=name_budget,
    check=check,
)
