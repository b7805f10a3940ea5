"""A sale's order as GET /orders/{id} and a row of the search show it: ids of people, and no more of them."""

from typing import Any

from scripts.sandbox.names import PRODUCTS
from scripts.sandbox.seeds import mix
from scripts.sandbox.sellers.sale_book import BILLINGS, ORDERS, PACKS, PAYMENTS, SHIPMENTS, Sale
from scripts.sandbox.sellers.sites import find_site
from scripts.sandbox.sellers.texts import Line, draw_lines, write_amount, write_local, write_utc

_METHODS = (("visa", "credit_card"), ("master", "credit_card"), ("account_money", "account_money"),
            ("debvisa", "debit_card"), ("pagofacil", "ticket"))  # fmt: skip
_REASONS = (
    ("buyer", "buyer_cancel_express", "El comprador canceló la compra"),
    ("seller", "seller_cancelled", "Quien vende canceló la venta"),
    ("fraud", "fraud_detected", "La operación no fue aprobada"),
    ("delivery", "shipment_not_delivered", "El envío volvió a quien vende"),
)


def find_buyer_id(user_id: str, buyer: int) -> int:
    return 100_000_000 + int(user_id) % 1_000_003 * 100 + buyer * 7


def find_item_id(product: int, site_id: str, user_id: str) -> str:
    return f"{site_id}{900_000_000 + int(user_id) % 9_973 * 1_000 + product}"


def write_order(sale: Sale, user_id: str, site_id: str) -> dict[str, Any]:
    site, standing = find_site(site_id), sale.standing
    lines = draw_lines(sale.seed, site)
    total = sum(line.price * line.quantity for line in lines)
    paid_us = standing.find("paid")
    cancelled_us = standing.find("cancelled")
    reason = _REASONS[3 if standing.find("not_delivered") else mix(sale.seed, 3) % 3]
    return {
        "id": ORDERS + sale.number,
        "status": standing.order_status,
        "status_detail": None,
        "date_created": write_local(sale.created_us),
        "date_closed": None if paid_us is None else write_local(paid_us),
        "last_updated": write_local(standing.order_changed_us),
        "date_last_updated": write_utc(sale.indexed_us),
        "pack_id": PACKS + sale.cart[0] if sale.is_pack else None,
        "fulfilled": standing.find("delivered") is not None or None,
        "total_amount": write_amount(total, site),
        "paid_amount": write_amount(total if paid_us else 0, site),
        "currency_id": site.currency,
        "order_items": [_write_item(line, user_id, site_id) for line in lines],
        "payments": _write_payments(sale, total, site_id),
        "shipping": {"id": SHIPMENTS + sale.cart[0] if sale.is_sent else None},
        "buyer": {
            "id": find_buyer_id(user_id, sale.buyer),
            "billing_info": {"id": str(BILLINGS + sale.number)},
        },
        "seller": {"id": int(user_id)},
        "taxes": {"amount": None, "currency_id": None, "id": None},
        "coupon": {"id": None, "amount": 0},
        "cancel_detail": None
        if cancelled_us is None
        else {
            "group": reason[0],
            "code": reason[1],
            "description": reason[2],
            "requested_by": reason[0],
            "date": write_local(cancelled_us),
            "application_id": None,
        },
        "context": {"channel": "marketplace", "site": site_id, "flows": []},
        "mediations": [],
        "tags": _list_tags(sale),
        "feedback": {"buyer": None, "seller": None},
    }


def _write_item(line: Line, user_id: str, site_id: str) -> dict[str, Any]:
    site = find_site(site_id)
    discount = (line.full_price - line.price) * line.quantity
    amounts = {"full": write_amount(discount, site), "seller": write_amount(discount, site)}
    return {
        "item": {
            "id": find_item_id(line.product, site_id, user_id),
            "title": PRODUCTS[line.product][0],
            "category_id": f"{site_id}{1_000 + line.product}",
            "variation_id": None,
            "seller_sku": f"SKU-{line.product:03}",
            "seller_custom_field": None,
            "variation_attributes": [],
        },
        "quantity": line.quantity,
        "unit_price": write_amount(line.price, site),
        "full_unit_price": write_amount(line.full_price, site),
        "gross_price": write_amount(line.full_price * line.quantity, site),
        "currency_id": site.currency,
        "sale_fee": write_amount(line.price * 13 // 100, site),
        "listing_type_id": "gold_special",
        "discounts": [{"amounts": amounts}] if discount else [],
    }


def _write_payments(sale: Sale, total: int, site_id: str) -> list[dict[str, Any]]:
    standing, site = sale.standing, find_site(site_id)
    paid_us, process_us = standing.find("paid"), standing.find("in_process")
    started_us = process_us or paid_us
    if started_us is None:
        return []
    ended_us = standing.find("cancelled") or standing.find("refunded")
    method, kind = _METHODS[mix(sale.seed, 4) % len(_METHODS)]
    status = "in_process" if paid_us is None else "refunded" if ended_us else "approved"
    return [
        {
            "id": PAYMENTS + sale.number,
            "order_id": ORDERS + sale.number,
            "payer_id": None,
            "status": status,
            "status_detail": "accredited" if status == "approved" else None,
            "transaction_amount": write_amount(total, site),
            "transaction_amount_refunded": write_amount(total if ended_us else 0, site),
            "total_paid_amount": write_amount(total, site),
            "currency_id": site.currency,
            "payment_type": kind,
            "payment_method_id": method,
            "installments": 1 + mix(sale.seed, 5) % 6 if kind == "credit_card" else 1,
            "date_created": write_local(started_us),
            "date_approved": None if paid_us is None else write_local(paid_us),
            "date_last_modified": write_local(ended_us or paid_us or started_us),
        }
    ]


def write_payment(sale: Sale, user_id: str, site_id: str) -> dict[str, Any] | None:
    """As GET /collections/{id} answers it; None where nothing was paid yet."""
    payments = write_order(sale, user_id, site_id)["payments"]
    return {"collection": payments[0] | {"collector": {"id": int(user_id)}}} if payments else None


def _list_tags(sale: Sale) -> list[str]:
    standing = sale.standing
    tags = ["paid" if standing.find("paid") else "not_paid"]
    tags.append("delivered" if standing.find("delivered") else "not_delivered")
    if standing.find("refunded"):
        tags.append("unfulfilled")
    if not sale.is_sent:
        tags.append("no_shipping")
    if sale.is_pack:
        tags.append("pack_order")
    return tags
