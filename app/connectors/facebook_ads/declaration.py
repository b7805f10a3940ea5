"""What Meta's Marketing API needs from an advertiser, and what is read there: daily spend."""

from app.connectors.contract import PRINTABLE, SYNC_FREQUENCY, Connector, Field, Report, Stream
from app.connectors.facebook_ads.access import name_budget
from app.connectors.facebook_ads.errors import classify
from app.connectors.facebook_ads.mapping import MAPPER_VERSION, map_ad_spend
from app.connectors.facebook_ads.report_reader import make_report_readers
from app.connectors.facebook_ads.validation import check

_META_ID = r"[0-9]{1,20}"

CONNECTOR = Connector(
    name="facebook_ads",
    label="Facebook Ads",
    mapper_version=MAPPER_VERSION,
    account_field="ad_account_id",
    config=(
        Field(
            name="ad_account_id",
            label="Ad account id",
            help="act_ and digits, as in act_1234567890; the digits alone are accepted",
            pattern=rf"(?:act_)?({_META_ID})",
            kept_as=r"act_\1",
            chars_max=24,
            is_in_address=True,
        ),
        Field(
            name="app_id",
            label="App id",
            help="the id of your Meta app: digits",
            pattern=r"[0-9a-z_]{1,40}",
            chars_max=40,
            is_in_address=True,
        ),
        Field(
            name="dataset_id",
            label="Dataset id",
            help="the dataset (pixel) that conversions are sent to: digits; only for sending them",
            is_required=False,
            pattern=_META_ID,
            chars_max=20,
            is_in_address=True,
        ),
        Field(
            name="custom_audience_id",
            label="Custom audience id",
            help="the audience that customers are added to: digits; only for sending audiences",
            is_required=False,
            pattern=_META_ID,
            chars_max=20,
            is_in_address=True,
        ),
        SYNC_FREQUENCY,
    ),
    credentials=(
        Field(
            name="access_token",
            label="Access token",
            help="a system user's token with ads_read: a person's own ends after 60 days",
            is_secret=True,
            pattern=PRINTABLE,
            chars_max=1_000,
        ),
        Field(
            name="app_secret",
            label="App secret",
            help="of the same app: proves calls where the app asks for it, tells when a token will end, and signs what "
            "Meta sends",
            is_secret=True,
            is_required=False,
            pattern=PRINTABLE,
        ),
    ),
    streams=(Stream("ad_spend", "Ad spend by day", "ads_read, and access to the ad account"),),
    reports=(Report("ad_spend", map_ad_spend),),
    classify=classify,
    make_report_readers=make_report_readers,
    name_budget=name_budget,
    check=check,
    tells_end=True,
)
