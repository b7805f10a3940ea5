"""VTEX's masked e-mail addresses and other masked values: never an identity, never kept as data.

Forms (VTEX Conversation Tracker, and the data protection architecture):
hard `<32 hex>@ct.vtex.com.br`, old `conversationtracker+<hex>@ct.vtex.com.br`, soft
`real@store.com-123456b.ct.vtex.com.br`, static `a****.m**@m*****.c**`. Stores with an address of their own for the
tracker have `ct.<domain>` in place of `ct.vtex.com.br`.
"""

import re

_CHARS_MAX = 254  # RFC 5321: the longest address that can be mailed
_SOFT = re.compile(r"(?P<address>.+@.+)-[0-9]{4,}b?\.ct\.[a-z0-9.-]+", re.IGNORECASE | re.ASCII)
_HARD = re.compile(r"(?:.*\+)?[0-9a-f]{32}@ct\..+", re.IGNORECASE | re.ASCII)
_ALIAS_HOST = re.compile(r"(?:.+[.-])?ct\.vtex\.com(?:\.br)?", re.IGNORECASE | re.ASCII)
_PLAUSIBLE = re.compile(r"[^@\s]+@[^@\s]+")


def is_masked(value: str) -> bool:
    """Whether a personal value was masked by VTEX: `J***`, `a****.m**@m***.c**`, `M*`."""
    return "**" in value or value.endswith("*")


def find_real_email(value: str | None) -> str | None:
    """The shopper's own address, or None for an alias, a mask or what is no address. A soft alias is unwrapped."""
    if value is None:
        return None
    address = value.strip().rstrip(".")
    if "ct." not in address.lower():  # no alias of any kind
        is_plausible = len(address) <= _CHARS_MAX and "*" not in address and _PLAUSIBLE.fullmatch(address)
        return address if is_plausible else None
    while (soft := _SOFT.fullmatch(address)) is not None:
        address = soft["address"]
    host = address.rpartition("@")[2]
    if len(address) > _CHARS_MAX or not _PLAUSIBLE.fullmatch(address):
        return None
    if "*" in address or _ALIAS_HOST.fullmatch(host) or _HARD.fullmatch(address):
        return None
    return address
