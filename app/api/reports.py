"""Reports over what is held."""

from app.api.call import Call
from app.api.operation import Operation, Result
from app.services.ad_performance import read_ad_performance
from schemas.ad_performance import AdPerformance, AdPerformanceQuery
from schemas.api import Envelope

TAG = "reports"


async def get_ad_performance(call: Call) -> Result:
    report = await read_ad_performance(call.office, call.get_tenant(), call.get_query(AdPerformanceQuery))
    return Result(Envelope(data=report))


OPERATIONS = (
    Operation(
        "get_ad_performance", "GET", "/tenants/{tenant_id:int}/reports/ad-performance", "tenant", "records:read",
        "Ad spend beside orders, by time, campaign, account or source", TAG, get_ad_performance,
        Envelope[AdPerformance], tenant_in="path", query=AdPerformanceQuery,
        description="Orders cannot be told apart by campaign or ad account: there, and by source, only the conversions "
        "and the value that the platforms report stand beside spend. Nothing is added up over currencies, and "
        "conversions not over accounts. Days of orders are the tenant's, days of spend the ad account's. Days at which "
        "nobody has looked are unknown, not zero.",
    ),
)  # fmt: skip
