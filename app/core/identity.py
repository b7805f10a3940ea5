"""Normal forms of e-mails, phones and documents: what a blind index is made over.

Two spellings of one identity must give one form; a value that stands for many people, or for none, must give None.
The forms are part of the stored index: changing one needs a new version of every tenant's index key.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Literal

import phonenumbers

from app.core.identity_placeholders import is_placeholder_digits, is_placeholder_email
from app.core.phones import find_plain_phone
from schemas.records import CustomerRecord, OrderRecord

IdentityKind = Literal["email", "phone", "document", "profile"]
Identity = tuple[IdentityKind, str]

# Aliases that a marketplace makes per order or per seller: each order has another one (vtex.md §5, mercadolibre.md).
_RELAY_DOMAINS = re.compile(
    r"(?:.+\.)?(?:ct\.vtex\.com(?:\.br)?|mail\.mercadoli[bv]re\.com(?:\.[a-z]{2})?|privaterelay\.appleid\.com"
    r"|marketplace\.amazon\.[a-z.]+)"
)
_RELAY_LOCAL_PARTS = ("conversationtracker+", "conversationtracker-")
# VTEX's soft alias carries the real address before `-{digits}b.ct.vtex.com.br`.
_SOFT_ALIAS = re.compile(r"(?P<email>[^@]+@[^@]+\.[^@.]+?)-\d+b?\.ct\.vtex\.com(?:\.br)?")
_EMAIL = re.compile(
    r"(?P<local>[^@\s,;<>\"()]{1,64})@(?P<domain>[^@\s,;<>\"()_]{1,253}\.[^@\s,;<>\"()_.\d][^@\s,;<>\"()_.]{1,62})"
)

_EMAIL_CHARACTERS_MAX = 320
_PHONE_CHARACTERS_MAX = 40
_DOCUMENT_CHARACTERS = range(5, 33)
_PROFILE_CHARACTERS_MAX = 128
_NULL_PROFILES = re.compile(r"[0-]*|null|none|undefined")
# What a company's tax number is called where its type is not said.
_COMPANY_DOCUMENTS = {"AR": "cuit", "BR": "cnpj", "CL": "rut", "CO": "nit", "MX": "rfc", "PE": "ruc", "UY": "rut"}


def normalise_email(text: str | None) -> str | None:
    """NFC, trimmed, lower-cased; None for what is no address, masked, a relay's alias, or a placeholder."""
    if not text or len(text) > _EMAIL_CHARACTERS_MAX or "*" in text:
        return None
    email = text.strip()
    if email.isascii():
        email = email.lower()
    else:
        email = unicodedata.normalize("NFC", unicodedata.normalize("NFC", email).lower())
    soft = _SOFT_ALIAS.fullmatch(email) if ".ct.vtex.com" in email else None
    if soft:
        email = soft["email"]
    match = _EMAIL.fullmatch(email)
    if match is None or ".." in email:
        return None
    local, domain = match.groups()
    if local.startswith(_RELAY_LOCAL_PARTS):
        return None
    return None if _is_relay(domain) or is_placeholder_email(local, domain) else email


def normalise_phone(text: str | None, country: str) -> str | None:
    """E.164, read as dialled in `country` (ISO alpha-2); None for what is no number there, masked, or a placeholder.

    Argentina's mobile numbers come with 0 and 15, with 9, with both or with neither the plus sign: one form for all.
    """
    if not text or len(text) > _PHONE_CHARACTERS_MAX or "*" in text:
        return None
    text, country = text.strip(), country.upper()
    plain = find_plain_phone(text, country)
    if plain is not None:
        is_somebodys = plain.is_valid and not _is_placeholder_phone(plain.country_code, plain.national)
        return f"+{plain.country_code}{plain.national}" if is_somebodys else None
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if _is_placeholder_phone(str(number.country_code), str(number.national_number)):
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def normalise_document(kind: str | None, text: str | None) -> str | None:
    """`{type}:{VALUE}`: type lower-cased, value upper-cased, letters and digits kept (Brazil's CNPJ has letters).

    The type is part of the form: a DNI and a CPF with equal digits are two people. None for placeholders.
    """
    if not text or "*" in text:
        return None
    value = _keep_letters_and_digits(text).upper()
    has_digits = value.isdigit() or any(c.isdigit() for c in value)
    if len(value) not in _DOCUMENT_CHARACTERS or not has_digits or is_placeholder_digits(value):
        return None
    return f"{_keep_letters_and_digits(kind or '').lower()}:{value}"


def normalise_profile(text: str | None) -> str | None:
    """A source's own profile id, trimmed and lower-cased; None for the null ids that sources write."""
    if not text or len(text) > _PROFILE_CHARACTERS_MAX:
        return None
    profile = text.strip().lower()
    return None if _NULL_PROFILES.fullmatch(profile) else profile


def identities_of(record: OrderRecord | CustomerRecord, country: str) -> list[Identity]:
    """Every identity that a record tells, in normal form, without repetition, sorted.

    `country` (ISO alpha-2) is the tenant's: how its shoppers' phones are dialled and its companies are numbered.
    """
    if record.is_deleted:
        return []
    source = record.buyer if isinstance(record, OrderRecord) else record
    if source is None:
        return []
    found: list[Identity] = []
    if (form := normalise_document(source.document_type, source.document)) is not None:
        found.append(("document", form))
    if source.corporate_document:
        company_type = _COMPANY_DOCUMENTS.get(country.upper(), "company")
        if (form := normalise_document(company_type, source.corporate_document)) is not None:
            found.append(("document", form))
    if (form := normalise_email(source.email)) is not None:
        found.append(("email", form))
    phones = source.phones if isinstance(source, CustomerRecord) else (source.phone,)
    found += [("phone", form) for phone in phones if (form := normalise_phone(phone, country)) is not None]
    if (form := normalise_profile(source.profile_id)) is not None:
        found.append(("profile", form))
    return sorted(set(found))


@lru_cache(maxsize=1024)
def _is_relay(domain: str) -> bool:
    return _RELAY_DOMAINS.fullmatch(domain) is not None


def _is_placeholder_phone(country_code: str, national: str) -> bool:
    """The 9 of Argentina's mobile numbers is not part of what people type."""
    return is_placeholder_digits(national.removeprefix("9") if country_code == "54" else national)


def _keep_letters_and_digits(text: str) -> str:
    """ASCII letters and digits, and Ñ, which Mexico's RFC has. Full-width forms are read as what they stand for."""
    if text.isascii() and text.isalnum():
        return text
    return "".join(c for c in unicodedata.normalize("NFKC", text) if (c.isascii() and c.isalnum()) or c in "ñÑ")
