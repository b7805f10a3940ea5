"""Ids as the API writes them. An integration's begins with a word, since the client's document puts tenant ids in the
same place of an address; it names its tenant, so that whoever may see the one is asked before anything is looked up.

A record's is its key at the source, written so that it stands in an address: ids at a source hold slashes, spaces and
whatever else, and what is percent-encoded in a path does not arrive as it was sent everywhere."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple

import orjson

from app.core.errors import NotFoundError
from db.versions import Key

_INTEGRATION = re.compile(r"int_([1-9][0-9]{0,9})_([1-9][0-9]{0,9})", re.ASCII)
_NUMBER_MAX = 2**31 - 1


class IntegrationId(NamedTuple):
    tenant_id: int
    integration_id: int

    def __str__(self) -> str:
        return f"int_{self.tenant_id}_{self.integration_id}"


def read_integration_id(text: str) -> IntegrationId:
    """Raises NotFoundError for what can be no id of ours: there is nothing under it."""
    match = _INTEGRATION.fullmatch(text)
    if match is None or int(match[1]) > _NUMBER_MAX or int(match[2]) > _NUMBER_MAX:
        raise NotFoundError("There is no such integration, or none that you may see.")
    return IntegrationId(int(match[1]), int(match[2]))


def write_record_id(key: Key) -> str:
    """base64url of the JSON list of source, account and id."""
    return urlsafe_b64encode(orjson.dumps(list(key))).decode().rstrip("=")


def read_record_id(text: str) -> Key:
    """The key that `write_record_id` wrote. Raises NotFoundError for any other text."""
    try:
        parts = orjson.loads(urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
        key = Key(*parts)
        if not all(isinstance(part, str) and "\x00" not in part for part in key) or write_record_id(key) != text:
            raise ValueError
    except (ValueError, TypeError):
        raise NotFoundError("There is no such record.") from None
    return key
