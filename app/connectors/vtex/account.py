"""A VTEX account's name and where it is called."""

import re
from urllib.parse import urlsplit

from app.core.errors import MappingError

# A label of a host name: it becomes part of the address that credentials are sent to.
ACCOUNT_PATTERN = r"(?!xn--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
ENVIRONMENTS = ("vtexcommercestable", "vtexcommercebeta")
_ACCOUNT = re.compile(ACCOUNT_PATTERN)


def build_base_url(url_template: str, account: str, environment: str) -> str:
    """Where an account is called. Raises MappingError for a name that could change the host.

    Credentials are sent there, so both parts are checked whole here again, whatever was stored.
    """
    if not _ACCOUNT.fullmatch(account):
        raise MappingError("account", "is not a VTEX account name")
    if environment not in ENVIRONMENTS:
        raise MappingError("environment", f"is none of {', '.join(ENVIRONMENTS)}")
    url = url_template.format(account=account, environment=environment)
    template_host = urlsplit(url_template).netloc.format(account=account, environment=environment)
    if urlsplit(url).netloc != template_host:
        raise MappingError("account", "does not make the expected host name")
    return url.rstrip("/")
