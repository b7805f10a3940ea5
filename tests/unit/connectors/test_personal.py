"""What must not be stored in the clear."""

import pytest

from app.connectors.vtex.mapping import map_order
from tests.unit.connectors.documents import make_order_document


@pytest.mark.parametrize("value", ["ana@example.com", "mailing-ana%40example.com"])
@pytest.mark.parametrize("name", ["utmSource", "utmMedium", "utmCampaign", "coupon"])
def test_an_email_address_in_a_campaign_is_dropped(name: str, value: str) -> None:
    document = make_order_document()
    document["marketingData"] = {
        "utmSource": "ads",
        "utmMedium": "ads",
        "utmCampaign": "ads",
        "coupon": "ads",
        name: value,
    }
    record = map_order(document)
    kept = {record.utm_source, record.utm_medium, record.utm_campaign, record.coupon}
    assert kept == {"ads", None}
