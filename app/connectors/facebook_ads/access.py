"""Whose insights are read at Meta, in whose name, and the proof that the caller holds the app's secret."""

import hmac
import re
from collections.abc import Mapping
from typing import NamedTuple

from app.core.errors import MappingError

_ACCOUNT = re.compile(r"act_[0-9]{1,20}", re.ASCII)


class FacebookAccess(NamedTuple):
    """`account`: `act_` and digits, since it becomes part of an address. `app_secret`: None where none was given."""

    account: str
    app_id: str
    access_token: str
    app_secret: str | None = None

    @property
    def counted_by(self) -> str:
        """What Meta's limits count: an app's calls to an account."""
        return name_budget(self.account, {"app_id": self.app_id})


def read_access(config: Mapping[str, str], credentials: Mapping[str, str]) -> FacebookAccess:
    """From the declared fields. Raises MappingError for what is missing or leads elsewhere."""
    account, token = config.get("ad_account_id", ""), credentials.get("access_token", "")
    if not _ACCOUNT.fullmatch(account):
        raise MappingError("ad_account_id", "is not act_ and digits")
    if not token:
        raise MappingError("access_token", "is missing")
    return FacebookAccess(account, config.get("app_id", ""), token, credentials.get("app_secret") or None)


def name_budget(account: str, config: Mapping[str, str]) -> str:
    """What calls on the account are counted by: see `FacebookAccess.counted_by`."""
    return f"{config.get('app_id', '')}:{account}"


def prove(app_secret: str, access_token: str) -> str:
    """`appsecret_proof`: hex HMAC-SHA256 over the token, keyed with the secret."""
    return hmac.new(app_secret.encode(), access_token.encode(), "sha256").hexdigest()
