"""Who bought at MercadoLibre. Orders tell an id and hardly more.

Name and tax document stand in billing-info, which exists for invoices and is read only where a brand has asked for it.

Its shape differs by site: names may be a company's, ids may be text, some sites add an e-mail. Payments and old orders
carry relay addresses (`…@mail.mercadolivre.com`), which are nobody's.
"""

import re

from app.connectors.reading import JsonObject
from schemas.records import Buyer

_RELAY = re.compile(r"@(?:[^@]*\.)?mercadoli[bv]re\.[a-z.]+", re.IGNORECASE)
_COMPANY = "BU"  # cust_type and customer_type say CO or BU


def map_buyer(buyer: JsonObject, billing: JsonObject) -> Buyer | None:
    """`buyer`: the order's. `billing`: the answer of billing-info, or empty. None when there is nothing of either."""
    info = billing.get_object("buyer").get_object("billing_info") or billing.get_object("billing_info") or billing
    identification = info.get_object("identification")
    document_type = identification.find_text("type", chars_max=40) or info.find_text("doc_type", chars_max=40)
    document = identification.find_text("number", chars_max=60) or info.find_text("doc_number", chars_max=60)
    attributes = info.get_object("attributes")
    kind = attributes.find_text("cust_type", "customer_type") or info.find_text("cust_type", "customer_type")
    name = info.find_text("name", chars_max=200)
    is_company = (kind or "").upper() == _COMPANY
    found = Buyer(
        profile_id=buyer.find_text("id", chars_max=100),
        email=_find_email(info) or _find_email(buyer),
        first_name=None if is_company else name or buyer.find_text("first_name", chars_max=200),
        last_name=None if is_company else _find_last_name(info) or _find_last_name(buyer),
        document_type=None if is_company else document_type,
        document=None if is_company else document,
        phone=_find_phone(buyer),
        is_corporate=is_company if kind else None,
        corporate_name=name if is_company else None,
        corporate_document=document if is_company else None,
    )
    return found if any(value is not None for value in found.__dict__.values()) else None


def _find_last_name(source: JsonObject) -> str | None:
    return source.find_text("last_name", chars_max=200)


def _find_email(source: JsonObject) -> str | None:
    email = source.find_text("email", chars_max=254)
    return None if email is None or "@" not in email or _RELAY.search(email) else email


def _find_phone(buyer: JsonObject) -> str | None:
    phone = buyer.get_object("phone")
    parts = [phone.find_text("area_code", chars_max=20), phone.find_text("number", chars_max=40)]
    return " ".join(part for part in parts if part) or None
