"""What Google Ads needs from an advertiser, and what is read there: daily spend."""

from app.connectors.contract import PRINTABLE, SYNC_FREQUENCY, Connector, Field, Report, Stream
from app.connectors.google_ads.access import name_budget
from app.connectors.google_ads.errors import classify
from app.connectors.google_ads.mapping import MAPPER_VERSION, map_ad_spend
from app.connectors.google_ads.report_reader import make_report_readers
from app.connectors.google_ads.validation import check

# Ten digits, shown by Google as 123-456-7890 and sent without the hyphens.
_CUSTOMER_ID = r"([0-9]{3})-?([0-9]{3})-?([0-9]{4})"
_DIGITS_ALONE = r"\1\2\3"

CONNECTOR = Connector(
    name="google_ads",
    label="Google Ads",
    mapper_version=MAPPER_VERSION,
    account_field="customer_id",
    config=(
        Field(
            name="customer_id",
            label="Customer id",
            help="the ten digits of the account that advertises, as in 123-456-7890",
            pattern=_CUSTOMER_ID,
            kept_as=_DIGITS_ALONE,
            chars_max=12,
            is_in_address=True,
        ),
        Field(
            name="login_customer_id",
            label="Manager's customer id",
            help="the ten digits of the manager account, if access to the account runs through one",
            is_required=False,
            pattern=_CUSTOMER_ID,
            kept_as=_DIGITS_ALONE,
            chars_max=12,
        ),
        Field(
            name="client_id",
            label="OAuth client id",
            help="the OAuth client of your Google Cloud project (….apps.googleusercontent.com)",
            pattern=r"[0-9A-Za-z][0-9A-Za-z_.-]*",
        ),
        SYNC_FREQUENCY,
    ),
    credentials=(
        Field(
            name="client_secret",
            label="OAuth client secret",
            help="the secret of the OAuth client",
            is_secret=True,
            pattern=PRINTABLE,
        ),
        # Accepted without, as an integration may be entered before somebody has given consent.
        Field(
            name="refresh_token",
            label="Refresh token",
            help="from a consent with the scope adwords, by somebody with access to the account; the consent screen "
            "must be published, or the token ends after 7 days",
            is_secret=True,
            is_required=False,
            is_needed_to_sync=True,
            pattern=PRINTABLE,
            chars_max=512,
        ),
        Field(
            name="developer_token",
            label="Developer token",
            help="no longer needed: since September 2026 access belongs to the Google Cloud project",
            is_secret=True,
            is_required=False,
            pattern=PRINTABLE,
        ),
    ),
    streams=(Stream("ad_spend", "Ad spend by day", "the scope adwords, and access to the account"),),
    reports=(Report("ad_spend", map_ad_spend),),
    classify=classify,
    make_report_readers=make_report_readers,
    name_budget=name_budget,
    check=check,
)
