"""Master Data's entities `CL` (clients) and `AD` (addresses): what is asked of them, and what their refusals mean."""

import re
from typing import Literal

from app.core.errors import CredentialsRefusedError, ObjectFailedError, ObjectNotFoundError, ProviderError

Entity = Literal["CL", "AD"]
ADDRESSES_MAX = 50  # of one customer
# The search grammar has operators: an id that goes into it must not be able to say one.
SEARCHABLE_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,99}", re.ASCII)

# Named, because `_all` fails with 403 where a store has private fields.
CLIENT_FIELDS = (
    "id,userId,email,firstName,lastName,document,documentType,isCorporate,corporateName,tradeName,corporateDocument,"
    "homePhone,phone,cellPhone,businessPhone,gender,birthDate,isNewsletterOptIn,localeDefault,customerClass,"
    "createdIn,updatedIn,lastInteractionIn"
)
CLIENT_STAMP_FIELDS = "id,createdIn,updatedIn,lastInteractionIn"
ADDRESS_FIELDS = (
    "id,userId,addressName,addressType,receiverName,street,number,complement,neighborhood,city,state,postalCode,"
    "country,reference"
)
ADDRESS_STAMP_FIELDS = "id,userId,createdIn,updatedIn,lastInteractionIn"


def is_lasting(error: ProviderError) -> bool:
    """Whether this object is answered alike whenever it is asked for: no permission, no entity, an answer of its own
    that cannot be used. Not what passes: a key that does not match (any more), too many calls, a time-out, an account
    that is away."""
    if isinstance(error, CredentialsRefusedError):
        return error.status != 401
    return isinstance(error, ObjectNotFoundError | ObjectFailedError)
