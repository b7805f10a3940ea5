"""How much the demo's stores hold: the client's document counts each tenant's customers, orders follow in proportion.

The same stores come again at every start: their people and dates hang on the tenant, not on the sandbox's memory.
"""

from datetime import datetime
from typing import Any

CUSTOMERS = {56: 65_226, 57: 45_282, 58: 29_707, 59: 8_521, 60: 1_286}
ORDERS_PER_CUSTOMER = 200_000 / CUSTOMERS[56]
SCALE = 0.01  # of `scripts/up`: the first rows come in seconds
SCALE_MAX = 20.0
CUSTOMERS_MIN, ORDERS_MIN = 40, 20
MELI_ORDERS, MELI_ORDERS_MIN = 60_000, 120  # MercadoLibre's, of the brand that sells there
TRIAL = 60  # always whole: its customers are loaded past its limit
INDEX_LAG_S, SEARCH_LAG_S = 240.0, 5.0


def find_stock(tenant_id: int, scale: float, created_at: datetime) -> dict[str, Any]:
    """What the sandbox's account is told. Scale 0: a handful of objects, and lists that do not lag, for tests.

    `created_at`: the tenant's; its store's history ends there.
    """
    customers = CUSTOMERS[tenant_id]
    return {
        "customers": customers if tenant_id == TRIAL and scale else max(round(customers * scale), CUSTOMERS_MIN),
        "orders": max(round(customers * ORDERS_PER_CUSTOMER * scale), ORDERS_MIN),
        "stock_seed": tenant_id,
        "stocked_until": created_at.isoformat(),
        "index_lag_s": INDEX_LAG_S if scale else 0.0,
        "search_lag_s": SEARCH_LAG_S if scale else 0.0,
    }


def find_meli_orders(scale: float) -> int:
    return max(round(MELI_ORDERS * scale), MELI_ORDERS_MIN)
