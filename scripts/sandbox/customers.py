"""Master Data v1 documents of one shopper: `CL` and its `AD`."""

from datetime import datetime
from random import Random
from uuid import UUID

from scripts.sandbox.people import make_person
from scripts.sandbox.times import write_z


class Customer:
    """One profile with its addresses. `client` and `addresses` are the documents as Master Data gives them."""

    __slots__ = ("addresses", "client", "document_id", "is_deleted", "person", "updated_at", "user_id")

    def __init__(self, account: str, random: Random, now: datetime) -> None:
        self.person = make_person(random)
        self.document_id = str(UUID(int=random.getrandbits(128), version=4))
        # In older documents the document's id is not the user's.
        self.user_id = self.document_id if random.random() < 0.95 else str(UUID(int=random.getrandbits(128), version=4))
        self.updated_at = now
        self.is_deleted = False
        is_guest = random.random() < 0.08
        self.client = _write_client(account, self, is_guest=is_guest, random=random, now=now)
        count = 0 if is_guest else random.choice((1, 1, 1, 2))
        self.addresses = [_write_address(account, self, index, random, now) for index in range(count)]

    def update(self, random: Random, now: datetime) -> None:
        """A change as shops see them: consent given or taken, another phone, a visit."""
        change = random.random()
        if change < 0.4:
            self.client["isNewsletterOptIn"] = not self.client["isNewsletterOptIn"]
        elif change < 0.7:
            self.client["homePhone"] = make_person(random).phone
        if change < 0.7:
            self.client["updatedIn"] = write_z(now)
            self.client["updatedBy"] = self.user_id
        self.client["lastInteractionIn"] = write_z(now)
        self.updated_at = now

    def patch(self, changes: dict[str, object], now: datetime) -> None:
        self.client.update(changes)
        self.client["updatedIn"] = self.client["lastInteractionIn"] = write_z(now)
        self.updated_at = now


def _write_client(
    account: str, customer: Customer, *, is_guest: bool, random: Random, now: datetime
) -> dict[str, object]:
    person = customer.person
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
        "createdIn": write_z(now),
        "updatedIn": None,
        "lastInteractionIn": write_z(now),
        "createdBy": customer.user_id,
        "updatedBy": None,
        "accountName": account,
        "dataEntityId": "CL",
        "followers": [],
        "tags": [],
    }


def _write_address(account: str, customer: Customer, index: int, random: Random, now: datetime) -> dict[str, object]:
    person = customer.person if index == 0 else make_person(random)
    return {
        "id": str(UUID(int=random.getrandbits(128), version=4)),
        "userId": customer.user_id,
        "addressName": f"{random.randint(10**9, 10**10)}",
        "addressLabel": None,
        "addressType": "residential" if index == 0 else "commercial",
        "receiverName": f"{customer.person.first_name} {customer.person.last_name}",
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
        "createdIn": write_z(now),
        "updatedIn": None,
        "lastInteractionIn": write_z(now),
        "accountName": account,
        "dataEntityId": "AD",
    }
