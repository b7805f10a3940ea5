"""A new order's document in VTEX's shape, but for the parts that move with its state (orders.py).

Amounts are ARS cents. Null and empty fields stand where VTEX leaves them; some orders are guests', have gift cards,
two sellers, a utm, a coupon, a repeated total, or a wholesale quantity that takes the value past 2**31.
"""

from datetime import datetime, timedelta
from random import Random
from typing import Any

from scripts.sandbox.baskets import Line, draw_basket
from scripts.sandbox.names import CAMPAIGNS, COUPONS, PAYMENTS, PRODUCTS, SIZES
from scripts.sandbox.people import Person
from scripts.sandbox.times import write_offset

_OTHER_SELLER = "marroquineria-sur"


def write_document(
    account: str,
    order_id: str,
    sequence: str,
    *,
    person: Person,
    profile_id: str | None,
    random: Random,
    now: datetime,
) -> dict[str, Any]:
    basket = draw_basket(random)
    valid_until = write_offset(now + timedelta(days=30))
    items = [
        _write_item(line, random, order_id, _OTHER_SELLER if index and basket.has_two_sellers else "1", valid_until)
        for index, line in enumerate(basket.lines)
    ]
    gross, net, shipping, total = basket.gross, basket.net, basket.shipping, basket.total
    return {
        "sequence": sequence,
        "marketplaceOrderId": "",
        "marketplaceServicesEndpoint": f"http://oms.vtexinternal.com.br/api/oms?an={account}",
        "sellerOrderId": f"00-{order_id}",
        "origin": "Marketplace",
        "affiliateId": "",
        "salesChannel": random.choice(("1", "1", "2")),
        "merchantName": None,
        "workflowIsInError": False,
        "value": total,
        "creationDate": write_offset(now),
        "orderGroup": order_id.rpartition("-")[0],
        "followUpEmail": _write_alias(random),
        "lastMessage": None,
        "hostname": account,
        "roundingError": 0,
        "orderFormId": _write_hex(random).lower(),
        "allowEdition": False,
        "isCheckedIn": False,
        "checkedInPickupPointId": None,
        "totals": _write_totals(gross, net - gross, shipping, random),
        "items": items,
        "marketplaceItems": [],
        "sellers": _write_sellers(account, has_two_sellers=basket.has_two_sellers),
        "clientProfileData": _write_profile(person, profile_id, random),
        "clientPreferencesData": {"locale": "es-AR", "optinNewsLetter": random.random() < 0.5},
        "giftRegistryData": None,
        "marketingData": _write_marketing(random),
        "ratesAndBenefitsData": {"id": "ratesAndBenefitsData", "rateAndBenefitsIdentifiers": []},
        "shippingData": _write_shipping(person, len(items), shipping, random, now),
        "paymentData": _write_payments(total, random),
        "callCenterOperatorData": None,
        "storePreferencesData": {
            "countryCode": "ARG",
            "currencyCode": "ARS",
            "currencyFormatInfo": {
                "CurrencyDecimalDigits": 2,
                "CurrencyDecimalSeparator": ",",
                "CurrencyGroupSeparator": ".",
                "CurrencyGroupSize": 3,
                "StartsWithCurrencySymbol": True,
            },
            "currencyLocale": 11274,
            "currencySymbol": "$",
            "timeZone": "Argentina Standard Time",
        },
        "customData": None,
        "commercialConditionData": None,
        "openTextField": None,
        "invoiceData": None,
        "changesAttachment": None,
        "subscriptionData": None,
        "taxData": None,
        "itemMetadata": {"Items": []},
    }


def _write_item(line: Line, random: Random, order_id: str, seller: str, valid_until: str) -> dict[str, Any]:
    index, price, discount, quantity = line
    name, category, _ = PRODUCTS[index]
    sku = str(4_000 + index * 10 + random.randrange(len(SIZES)))
    tag = {"name": "DISCOUNT@MARKETPLACE", "value": -discount * quantity, "isPercentual": False, "identifier": None}
    return {
        "uniqueId": _write_hex(random),
        "id": sku,
        "productId": str(700 + index),
        "ean": None,
        "lockId": f"00-{order_id}",
        "itemAttachment": {"content": {}, "name": None},
        "attachments": [],
        "quantity": quantity,
        "seller": seller,
        "name": f"{name} {random.choice(SIZES)}",
        "refId": f"AR-{sku}",
        "price": price,
        "listPrice": price + price // 5,
        "manualPrice": None,
        "priceTags": [tag] if discount else [],
        "imageUrl": f"https://sandbox.vteximg.example/arquivos/ids/{sku}/producto.jpg",
        "detailUrl": f"/producto-{700 + index}/p",
        "components": [],
        "bundleItems": [],
        "params": [],
        "offerings": [],
        "sellerSku": sku,
        "priceValidUntil": valid_until,
        "commission": 0,
        "tax": 0,
        "preSaleDate": None,
        "additionalInfo": {
            "brandName": "Ceibo",
            "brandId": "2000001",
            "categoriesIds": f"/{index % 5 + 1}/",
            "categories": [{"id": index % 5 + 1, "name": category}],
            "productClusterId": "135",
            "commercialConditionId": "1",
            "dimension": {"cubicweight": 1.0, "height": 10.0, "length": 30.0, "weight": 500.0, "width": 20.0},
        },
        "measurementUnit": "un",
        "unitMultiplier": 1.0,
        "sellingPrice": price - discount,
        "isGift": False,
        "shippingPrice": None,
        "rewardValue": 0,
        "freightCommission": 0,
        "priceDefinition": {
            "sellingPrices": [{"value": price - discount, "quantity": quantity}],
            "calculatedSellingPrice": price - discount,
            "total": (price - discount) * quantity,
            "reason": None,
        },
        "taxCode": None,
        "parentItemIndex": None,
        "parentAssemblyBinding": None,
        "assemblies": [],
        "costPrice": None,
    }


def _write_totals(gross: int, discounts: int, shipping: int, random: Random) -> list[dict[str, Any]]:
    totals = [
        {"id": "Items", "name": "Total de los items", "value": gross},
        {"id": "Discounts", "name": "Total de descuentos", "value": discounts},
        {"id": "Shipping", "name": "Costo total del envío", "value": shipping},
        {"id": "Tax", "name": "Costo total del cambio", "value": 0},
    ]
    if discounts and random.random() < 0.1:  # an id may occur twice
        totals[1]["value"] = discounts - 1
        totals.append({"id": "Discounts", "name": "Redondeo", "value": 1})
    return totals


def _write_sellers(account: str, *, has_two_sellers: bool) -> list[dict[str, Any]]:
    endpoint = "http://fulfillment.vtexcommerce.com.br/api/fulfillment?an="
    sellers = [{"id": "1", "name": account, "logo": "", "fulfillmentEndpoint": f"{endpoint}{account}"}]
    if has_two_sellers:
        name = "Marroquinería Sur"
        sellers.append({"id": _OTHER_SELLER, "name": name, "logo": None, "fulfillmentEndpoint": endpoint})  # type: ignore[dict-item]
    return sellers


def _write_profile(person: Person, profile_id: str | None, random: Random) -> dict[str, Any]:
    return {
        "id": "clientProfileData",
        "email": _write_alias(random),
        "firstName": person.first_name,
        "lastName": person.last_name,
        "documentType": random.choice(("dni", "DNI")),
        "document": person.dni,
        "phone": person.phone,
        "corporateName": person.company,
        "tradeName": person.company,
        "corporateDocument": person.cuit if person.is_corporate else None,
        "stateInscription": None,
        "corporatePhone": None,
        "isCorporate": person.is_corporate,
        "userProfileId": profile_id,
        "userProfileVersion": None,
        "customerClass": None,
        "customerCode": None,
    }


def _write_alias(random: Random) -> str:
    """What VTEX shows instead of the shopper's address: another one for each order."""
    return f"{random.getrandbits(128):032x}@ct.vtex.com.br"


def _write_marketing(random: Random) -> dict[str, Any] | None:
    if random.random() < 0.5:
        return None
    source, medium, campaign = random.choice(CAMPAIGNS)
    return {
        "id": "marketingData",
        "utmSource": source,
        "utmMedium": medium,
        "utmCampaign": campaign,
        "utmPartner": None,
        "utmiCampaign": "",
        "utmipage": "",
        "utmiPart": "",
        "coupon": random.choice(COUPONS) if random.random() < 0.3 else None,
        "marketingTags": [],
    }


def _write_shipping(person: Person, items_count: int, shipping: int, random: Random, now: datetime) -> dict[str, Any]:
    address = {
        "addressType": "residential",
        "receiverName": f"{person.first_name} {person.last_name}",
        "addressId": str(random.randint(10**9, 10**10)),
        "versionId": None,
        "entityId": None,
        "postalCode": person.place.postal_code,
        "city": person.place.city,
        "state": person.place.state,
        "country": "ARG",
        "street": person.street,
        "number": person.number,
        "neighborhood": person.neighborhood,
        "complement": person.complement,
        "reference": None,
        "geoCoordinates": [person.place.longitude, person.place.latitude],
    }
    estimate = write_offset(now + timedelta(days=6))
    logistics = [
        {
            "itemIndex": index,
            "selectedSla": "Envío a domicilio",
            "lockTTL": "10d",
            "price": shipping if index == 0 else 0,
            "listPrice": shipping if index == 0 else 0,
            "sellingPrice": shipping if index == 0 else 0,
            "deliveryWindow": None,
            "deliveryCompany": "Andreani",
            "shippingEstimate": "4bd",
            "shippingEstimateDate": estimate,
            "slas": [],
            "shipsTo": ["ARG"],
            "deliveryIds": [],
            "deliveryChannel": "delivery",
            "addressId": address["addressId"],
            "polygonName": None,
            "pickupPointId": None,
        }
        for index in range(items_count)
    ]
    return {
        "id": "shippingData",
        "address": address,
        "logisticsInfo": logistics,
        "trackingHints": None,
        "selectedAddresses": [address],
        "contactInformation": [],
    }


def _write_payments(total: int, random: Random) -> dict[str, Any]:
    payments = []
    if random.random() < 0.06:
        gift = total // 4
        payments.append(_write_payment(random, ("16", "Vale", "giftCard"), gift, 1))
        total -= gift
    system = random.choice(PAYMENTS)
    installments = random.choice((1, 3, 6, 12)) if system[2] == "creditCard" else 1
    payments.append(_write_payment(random, system, total, installments))
    transaction = {
        "isActive": True,
        "transactionId": _write_hex(random),
        "merchantName": "SANDBOX",
        "payments": payments,
    }
    return {"giftCards": [], "transactions": [transaction]}


def _write_payment(random: Random, system: tuple[str, str, str], value: int, installments: int) -> dict[str, Any]:
    is_card = system[2] in ("creditCard", "debitCard")
    return {
        "id": _write_hex(random),
        "paymentSystem": system[0],
        "paymentSystemName": system[1],
        "value": value,
        "installments": installments,
        "referenceValue": value,
        "cardHolder": None,
        "cardNumber": None,
        "firstDigits": "450799" if is_card else None,
        "lastDigits": f"{random.randint(0, 9999):04}" if is_card else None,
        "url": None,
        "giftCardId": str(random.randint(1, 10**6)) if system[2] == "giftCard" else None,
        "redemptionCode": _write_hex(random)[:16] if system[2] == "giftCard" else None,
        "group": system[2],
        "tid": str(random.randint(10**7, 10**8)),
        "dueDate": None,
        "connectorResponses": {},
        "giftCardProvider": None,
        "billingAddress": None,
    }


def _write_hex(random: Random) -> str:
    return f"{random.getrandbits(128):032X}"
