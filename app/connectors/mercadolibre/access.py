"""Whose orders are read at MercadoLibre, through which application."""

from collections.abc import Mapping
from hashlib import sha256
from typing import NamedTuple

from app.connectors.mercadolibre.sites import SITES
from app.core.errors import MappingError

BILLING_FIELD = "read_billing_info"


class Application(NamedTuple):
    """`seed`: the refresh token that somebody entered: good once, and only until the first refresh. `reads_billing`:
    whether billing-info may be read, which a brand must have asked for."""

    client_id: str
    client_secret: str
    site_id: str
    seed: str
    reads_billing: bool = False

    @property
    def counted_by(self) -> str:
        """What quotas count: the application, over all its sellers."""
        return _hash_application(self.client_id)

    @property
    def origin(self) -> str:
        """Which authorisation was entered, without telling it."""
        return sha256(f"{self.client_id}\n{self.seed}".encode()).hexdigest()[:32]


def read_application(config: Mapping[str, str], credentials: Mapping[str, str]) -> Application:
    """From the declared fields. Raises MappingError for what is missing."""
    for name, values in (("client_id", config), ("client_secret", credentials), ("refresh_token", credentials)):
        if not values.get(name):
            raise MappingError(name, "is missing")
    site_id = config.get("site_id", "")
    if site_id not in SITES:
        raise MappingError("site_id", f"is none of {', '.join(SITES)}")
    reads_billing = config.get(BILLING_FIELD) == "yes"
    return Application(
        config["client_id"], credentials["client_secret"], site_id, credentials["refresh_token"], reads_billing
    )


def name_budget(account: str, config: Mapping[str, str]) -> str:
    """What the calls of a configured seller are counted by."""
    del account
    return _hash_application(config.get("client_id", ""))


def _hash_application(client_id: str) -> str:
    return sha256(client_id.encode()).hexdigest()[:12]
