"""Whose spend is read at Google Ads, and in whose name."""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import NamedTuple

from app.core.errors import MappingError

_CUSTOMER_ID = re.compile(r"[0-9]{10}", re.ASCII)


class GoogleAccess(NamedTuple):
    """`login_customer_id`: the manager account through which access runs, if it does. Ids are ten digits, since they
    become part of an address."""

    customer_id: str
    login_customer_id: str | None
    client_id: str
    client_secret: str
    refresh_token: str
    developer_token: str | None = None

    @property
    def project(self) -> str:
        """What Google's quota counts: the Cloud project, known to us by its OAuth client. Not the client's id itself,
        which would stand in metrics."""
        return _hash_client(self.client_id)


def read_access(config: Mapping[str, str], credentials: Mapping[str, str]) -> GoogleAccess:
    """From the declared fields. Raises MappingError for what is missing before anything can be read."""
    for name, values in (("customer_id", config), ("client_id", config), ("refresh_token", credentials)):
        if not values.get(name):
            raise MappingError(name, "is missing")
    for name in ("customer_id", "login_customer_id"):
        if config.get(name) and not _CUSTOMER_ID.fullmatch(config[name]):
            raise MappingError(name, "is not ten digits")
    return GoogleAccess(
        config["customer_id"],
        config.get("login_customer_id") or None,
        config["client_id"],
        credentials.get("client_secret", ""),
        credentials["refresh_token"],
        credentials.get("developer_token") or None,
    )


def name_budget(account: str, config: Mapping[str, str]) -> str:
    """What calls on the account are counted by: see `GoogleAccess.project`."""
    del account
    return _hash_client(config.get("client_id", ""))


def _hash_client(client_id: str) -> str:
    return sha256(client_id.encode()).hexdigest()[:12]
