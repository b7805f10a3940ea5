"""A brand's own middleware: provider-neutral documents, signed as the Standard Webhooks specification says.

Written apart from the product's own signing, so that one cannot hide a fault of the other.
"""

import hmac
import time
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from hashlib import sha256
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from scripts.sandbox.notices import Notice
from scripts.sandbox.people import Person, make_person


class InlineEndpoint(NamedTuple):
    """`secret`: `whsec_` and base64."""

    url: str
    secret: str


def make_inline_customer(account: str, endpoint: InlineEndpoint, random: Random, external_id: str) -> Notice:
    """A new document of that customer, stamped and signed now."""
    person = make_person(random)
    now = datetime.now(UTC)
    data = {
        "external_id": external_id,
        "source_created_at": "2026-01-15T12:00:00+00:00",
        "source_updated_at": now.isoformat(),
        "is_corporate": person.is_corporate,
        "accepts_marketing": random.random() < 0.5,
        "locale": "es-AR",
        "email": person.email,
        "phones": [person.phone],
        "document_type": "dni",
        "document": person.dni,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "birth_date": f"{random.randint(1950, 2006)}-05-17",
        "addresses": [_write_address(person)],
    }
    body = orjson.dumps({"type": "customer.upsert", "timestamp": now.isoformat(), "data": data})
    message_id = f"msg_{UUID(int=random.getrandbits(128), version=4).hex}"
    return Notice(
        account, "inline", "customer", external_id, endpoint.url, sign(endpoint.secret, message_id, body), body, True
    )


def sign(secret: str, message_id: str, body: bytes, timestamp: int | None = None) -> dict[str, str]:
    """The three headers of a signed message."""
    sent_at = int(time.time()) if timestamp is None else timestamp
    key = b64decode(secret.removeprefix("whsec_"))
    content = f"{message_id}.{sent_at}.".encode() + body
    signature = b64encode(hmac.digest(key, content, sha256)).decode()
    return {"webhook-id": message_id, "webhook-timestamp": str(sent_at), "webhook-signature": f"v1,{signature}"}


def _write_address(person: Person) -> dict[str, Any]:
    return {
        "kind": "residential",
        "receiver_name": f"{person.first_name} {person.last_name}",
        "street": person.street,
        "number": person.number,
        "neighborhood": person.neighborhood,
        "city": person.place.city,
        "state": person.place.state,
        "postal_code": person.place.postal_code,
        "country": "ARG",
    }
