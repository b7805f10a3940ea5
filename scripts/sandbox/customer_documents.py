"""A shopper's Master Data v1 documents as they are before any change: `CL` and its `AD`."""

from random import Random
from typing import TYPE_CHECKING

from scripts.sandbox.people import Person, make_person
from scripts.sandbox.seeds import Dice, make_id
from scripts.sandbox.times import write_z

if TYPE_CHECKING:
    from scripts.sandbox.customers import Customer

ADDRESSES_MAX = 2
_AD = 3
_ADDRESS_SALT = 0x5EED


def write_client(account: str, customer: "Customer", *, is_guest: bool) -> dict[str, object]:
    random = Dice(customer.seed)
    person = make_person(random)
    created = write_z(customer.created_at)
    return {
        "id": customer.document_id,
        "userId": customer.user_id,
        "email": person.email,
        "firstName": None if is_guest else person.first_name,
        "lastName": None if is_guest else person.last_name,
        "document": None if is_guest else person.dni,
        "documentType": None if is_guest else random.choice(("dni", "DNI", "dni")),
        "isCorporate": True if person.is_corporate else random.choice((False, False, None)),
        "corporateName": person.company,
        "tradeName": person.company,
        "corporateDocument": person.cuit if person.is_corporate else None,
        "stateRegistration": None,
        "businessPhone": None,
        "homePhone": None if is_guest else person.phone,
        "phone": None,
        "cellPhone": None,
        "gender": random.choice(("female", "male", None)),
        "birthDate": f"{random.randint(1950, 2006)}-{random.randint(1, 12):02}-{random.randint(1, 28):02}T00:00:00",
        "isNewsletterOptIn": random.random() < 0.5,
        "localeDefault": "es-AR",
        "customerClass": random.choice((None, None, "oro")),
        "priceTables": None,
        "approved": True,
        "rclastcart": None,
        "rclastcartvalue": None,
        "carttag": {"DisplayValue": "Zapatillas", "Scores": {}} if random.random() < 0.2 else None,
        "createdIn": created,
        "updatedIn": None,
        "lastInteractionIn": created,
        "createdBy": customer.user_id,
        "updatedBy": None,
        "accountName": account,
        "dataEntityId": "CL",
        "followers": [],
        "tags": [],
    }


def write_addresses(account: str, customer: "Customer", count: int) -> list[dict[str, object]]:
    random = Dice(customer.seed ^ _ADDRESS_SALT)
    receiver = customer.person
    return [_write_address(account, customer, receiver, index, random) for index in range(count)]


def make_address_id(customer: "Customer", index: int) -> str:
    return make_id(customer.seed, _AD + index, customer.ordinal * ADDRESSES_MAX + index)


def _write_address(
    account: str, customer: "Customer", receiver: Person, index: int, random: Random
) -> dict[str, object]:
    person = receiver if index == 0 else make_person(random)
    created = write_z(customer.created_at)
    return {
        "id": make_address_id(customer, index),
        "userId": customer.user_id,
        "addressName": f"{random.randint(10**9, 10**10)}",
        "addressLabel": None,
        "addressType": "residential" if index == 0 else "commercial",
        "receiverName": f"{receiver.first_name} {receiver.last_name}",
        "street": person.street,
        "number": person.number,
        "complement": person.complement,
        "neighborhood": person.neighborhood,
        "city": person.place.city,
        "state": person.place.state,
        "postalCode": person.place.postal_code,
        "country": "ARG",
        "reference": None,
        "geoCoordinate": "",
        "countryfake": None,
        "createdIn": created,
        "updatedIn": None,
        "lastInteractionIn": created,
        "accountName": account,
        "dataEntityId": "AD",
    }
