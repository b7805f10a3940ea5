"""A Master Data v1 client document (`CL`) as a CustomerRecord, with the `AD` documents that were read beside it.

The client puts the addresses under the key `addresses` (ADDRESSES_KEY); Master Data itself has no such field. Without
the key nothing was asked, and `addresses` is listed in `missing`.
"""

from collections.abc import Mapping

from app.connectors.reading import JsonObject, check_identifier, find_latest
from app.connectors.vtex.address import map_address
from app.connectors.vtex.email import find_real_email, is_masked
from app.connectors.vtex.personal import PersonalField, find_personal_texts
from app.core.errors import MappingError
from schemas.records import Address, CustomerRecord, make_checked

ADDRESSES_KEY = "addresses"

# Our field and the document's spellings of it, sorted: `missing` is. What is absent from the document was not told.
_TOLD: dict[str, tuple[str, ...]] = {
    "accepts_marketing": ("isNewsletterOptIn",),
    "addresses": (ADDRESSES_KEY,),
    "birth_date": ("birthDate",),
    "corporate_document": ("corporateDocument",),
    "corporate_name": ("corporateName",),
    "customer_class": ("customerClass",),
    "document": ("document",),
    "document_type": ("documentType",),
    "email": ("email",),
    "first_name": ("firstName",),
    "gender": ("gender",),
    "is_corporate": ("isCorporate",),
    "last_name": ("lastName",),
    "locale": ("localeDefault",),
    "phones": ("homePhone", "cellPhone", "phone", "businessPhone"),
    "profile_id": ("userId",),
    "trade_name": ("tradeName",),
}
_PHONES: tuple[PersonalField, ...] = tuple(
    (name, name, 60) for name in ("homePhone", "cellPhone", "phone", "businessPhone")
)
_OF_PEOPLE: tuple[PersonalField, ...] = (
    ("document_type", "documentType", 60),
    ("document", "document", 60),
    ("first_name", "firstName", 200),
    ("last_name", "lastName", 200),
    ("gender", "gender", 40),
)
_OF_COMPANIES: tuple[PersonalField, ...] = (
    ("corporate_name", "corporateName", 200),
    ("trade_name", "tradeName", 200),
    ("corporate_document", "corporateDocument", 60),
)
# What Checkout is known to empty in a profile that had it.
_EMPTIED_TOGETHER = frozenset(
    {"first_name", "last_name", "document_type", "document", "phones", "birth_date", "gender"}
)


def normalise_document_id(value: str) -> str:
    """Master Data writes one id as `CL-{guid}` or bare, in any case; its storage ignores case."""
    return value.lower().removeprefix("cl-")


def map_customer(document: object) -> CustomerRecord:
    """The record of a customer profile. Raises MappingError naming the path of what cannot be mapped, nothing else."""
    if not isinstance(document, dict):
        raise MappingError("$", "is not a JSON object")
    client = JsonObject(document)
    external_id = check_identifier(normalise_document_id(client.get_identifier("id")), "id")
    created_at = client.find_moment("createdIn")
    user_id = client.find_text("userId", chars_max=100)
    values: dict[str, object] = {
        "external_id": external_id,
        "source_created_at": created_at,
        "source_updated_at": find_latest(
            client.find_moment("updatedIn"), created_at, client.find_moment("lastInteractionIn")
        ),
        "is_deleted": False,
        "missing": (),
        "is_corporate": client.find_flag("isCorporate"),
        "accepts_marketing": client.find_flag("isNewsletterOptIn"),
        "locale": client.find_text("localeDefault", chars_max=40),
        "customer_class": client.find_text("customerClass"),
        "profile_id": user_id.lower() if user_id else None,
        "email": find_real_email(client.find_text("email", chars_max=500)),
        "phones": _list_phones(client),
        **find_personal_texts(client, _OF_PEOPLE),
        "birth_date": client.find_day("birthDate"),
        **find_personal_texts(client, _OF_COMPANIES),
        "addresses": _list_addresses(client),
    }
    values["missing"] = _find_missing(client, values)
    return make_checked(CustomerRecord, values)


def _list_phones(client: JsonObject) -> tuple[str, ...]:
    phones = find_personal_texts(client, _PHONES).values()
    return tuple(dict.fromkeys([phone for phone in phones if phone is not None]))


def _list_addresses(client: JsonObject) -> tuple[Address, ...]:
    """Sorted by id: the search gives them in any order, and equal content must have one form."""
    addresses = [map_address(address) for address in client.get_objects(ADDRESSES_KEY)]
    found = [address for address in addresses if address is not None]
    if len({address.external_id or "" for address in found}) < len(found):
        found.sort(key=lambda address: address.model_dump_json())
    if len(found) > 1:
        found.sort(key=lambda address: address.external_id or "")
    return tuple(found)


def _find_missing(client: JsonObject, values: Mapping[str, object]) -> tuple[str, ...]:
    """Fields to keep as they are held: not in the document, masked, or emptied by the platform.

    Checkout is known to turn the names of a good profile into null. A profile with neither name is taken for such a
    one: what is empty in it is not told, instead of a wish to forget.
    """
    is_emptied = values["first_name"] is None and values["last_name"] is None
    return tuple(
        [
            field
            for field, keys in _TOLD.items()
            if not values[field] and ((is_emptied and field in _EMPTIED_TOGETHER) or not _is_told(client, keys))
        ]
    )


def _is_told(client: JsonObject, keys: tuple[str, ...]) -> bool:
    """Whether the document has one of the keys, and under none of them a masked value."""
    is_there = False
    for key in keys:
        text = client.peek(key)
        if text is None:
            is_there = is_there or client.has(key)
        elif isinstance(text, str) and is_masked(text.strip()):
            return False
        else:
            is_there = True
    return is_there
