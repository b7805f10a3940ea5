"""What belongs to an order and is read apart: its shipment, its cart, and who bought, for the invoice."""

from typing import Any

from scripts.sandbox.people import Person, make_person
from scripts.sandbox.seeds import Dice, hash_words, mix
from scripts.sandbox.sellers.order_document import find_buyer_id
from scripts.sandbox.sellers.sale_book import ORDERS, PACKS, SHIPMENTS, Sale
from scripts.sandbox.sellers.sites import Site, find_site
from scripts.sandbox.sellers.texts import write_amount, write_local

_HIDDEN = "XXXXXXX"
_COSTS = (0, 0, 349_900, 589_900)  # centavos
_WITH_TEXT_IDS = ("MPE", "MLU")  # which leave out the site, too


def find_shipping_cost(sale: Sale, site: Site) -> int:
    """What the buyer paid, in minor units; of the whole cart."""
    return _COSTS[mix(sale.cart[0], 6) % len(_COSTS)] // site.centavos


def write_shipment(sale: Sale, user_id: str, site_id: str) -> dict[str, Any] | None:
    """As with `x-format-new: true`: the address is hidden until the order is paid. None where nothing is sent."""
    if not sale.is_sent:
        return None
    site, standing, person = find_site(site_id), sale.standing, make_buyer(user_id, sale.buyer)
    is_paid = standing.find("paid") is not None
    cost = write_amount(find_shipping_cost(sale, site), site)
    return {
        "id": SHIPMENTS + sale.cart[0],
        "order_id": ORDERS + sale.cart[0],
        "external_reference": str(PACKS + sale.cart[0]) if sale.is_pack else None,
        "status": standing.shipment_status,
        "substatus": None,
        "date_created": write_local(sale.created_us),
        "last_updated": write_local(standing.shipment_changed_us),
        "tracking_number": str(SHIPMENTS + sale.cart[0]) if is_paid else None,
        "logistic": {"direction": "forward", "mode": "me2", "type": "cross_docking"},
        "lead_time": {"cost": cost, "list_cost": cost, "cost_type": "charged", "currency_id": site.currency},
        "origin": {"sender_id": int(user_id), "type": "selling_address"},
        "destination": {
            "receiver_id": find_buyer_id(user_id, sale.buyer),
            "receiver_name": f"{person.first_name} {person.last_name}" if is_paid else _HIDDEN,
            "receiver_phone": _HIDDEN,
            "comments": None,
            "type": "buying_address",
            "shipping_address": _write_address(person, site, is_hidden=not is_paid),
        },
    }


def _write_address(person: Person, site: Site, *, is_hidden: bool) -> dict[str, Any]:
    place = person.place
    return {
        "id": None if is_hidden else hash_words(person.email) % 10**10,
        "address_line": _HIDDEN if is_hidden else f"{person.street} {person.number}",
        "street_name": _HIDDEN if is_hidden else person.street,
        "street_number": _HIDDEN if is_hidden else person.number,
        "comment": _HIDDEN if is_hidden else person.complement,
        "zip_code": _HIDDEN if is_hidden else place.postal_code[1:],
        "city": {"id": None, "name": place.city},
        "state": {"id": None, "name": place.state},
        "country": {"id": site.country_id, "name": site.country},
        "neighborhood": {"id": None, "name": _HIDDEN if is_hidden else person.neighborhood},
    }


def write_pack(sale: Sale, user_id: str) -> dict[str, Any] | None:
    """None for an order that is no cart's."""
    if not sale.is_pack:
        return None
    return {
        "id": PACKS + sale.cart[0],
        "status": "cancelled" if sale.standing.order_status == "cancelled" else "filled",
        "status_detail": None,
        "buyer": {"id": find_buyer_id(user_id, sale.buyer)},
        "shipment": {"id": SHIPMENTS + sale.cart[0] if sale.is_sent else None},
        "orders": [{"id": ORDERS + number} for number in sale.cart],
        "date_created": write_local(sale.created_us),
        "last_updated": write_local(sale.standing.order_changed_us),
    }


def write_billing(sale: Sale, user_id: str, site_id: str) -> dict[str, Any]:
    """Its shape differs by site: Mexico tells what an electronic invoice needs, Ecuador an e-mail, and some have ids as
    text and no site."""
    site, person = find_site(site_id), make_buyer(user_id, sale.buyer)
    number = person.cuit if person.cuit is not None else person.dni
    info: dict[str, Any] = {
        "name": person.company or person.first_name,
        "identification": {
            "type": "CUIT" if person.cuit and site_id == "MLA" else site.document_type,
            "number": number.replace("-", ""),
        },
        "taxes": {"taxpayer_type": {"id": "01", "description": "Consumidor Final"}},
        "address": {
            "street_name": person.street,
            "street_number": person.number,
            "city_name": person.place.city,
            "state": {"code": "01", "name": person.place.state},
            "zip_code": person.place.postal_code[1:],
            "country_id": site.country_id,
        },
        "attributes": {"cust_type": "BU" if person.is_corporate else "CO", "is_normalized": True},
    }
    if not person.is_corporate:
        info["last_name"] = person.last_name
    if site_id == "MLM":
        info |= {"cfdi": {"id": "G03", "description": "Gastos en general"}, "birth_date": "1990/02/03"}
    if site_id == "MEC":
        info["email"] = person.email
    buyer_id = find_buyer_id(user_id, sale.buyer)
    if site_id in _WITH_TEXT_IDS:
        return {"buyer": {"cust_id": str(buyer_id), "billing_info": info}, "seller": {"cust_id": user_id}}
    return {
        "site_id": site_id,
        "buyer": {"cust_id": buyer_id, "billing_info": info},
        "seller": {"cust_id": int(user_id)},
    }


def make_buyer(user_id: str, buyer: int) -> Person:
    return make_person(Dice(hash_words(user_id, "buyer", buyer)))
