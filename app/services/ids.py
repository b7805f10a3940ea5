"""Ids as the API writes them. An integration's begins with a word, since the client's document puts tenant ids in the
same place of an address; it names its tenant, so that whoever may see the one is asked before anything is looked up."""

import re
from typing import NamedTuple

from app.core.errors import NotFoundError

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
