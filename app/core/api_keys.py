"""API keys: `aqk_`, ten base62 digits that name the key, 32 random ones (190 bits), six of keyed checksum.

The name finds the key's row; what is compared is a hash of the whole. The checksum makes an invented key die in memory.
"""

import re
import secrets
from typing import NamedTuple

from app.core.tokens import append_checksum, has_checksum

API_KEY_PREFIX = "aqk_"
API_KEY_PATTERN = re.compile(API_KEY_PREFIX + "[0-9A-Za-z]{48}", re.ASCII)
KEY_ID_DIGITS = 10
_SECRET_DIGITS = 32
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class ApiKey(NamedTuple):
    """`text` is shown once; `key_id` names it ever after."""

    key_id: str
    text: str


def make_api_key(checksum_key: bytes, key_id: str | None = None) -> ApiKey:
    """A new key; with `key_id` another secret of one that there is."""
    name = key_id or _make_digits(KEY_ID_DIGITS)
    return ApiKey(name, append_checksum(checksum_key, API_KEY_PREFIX + name + _make_digits(_SECRET_DIGITS)))


def find_key_id(checksum_key: bytes, text: str) -> str | None:
    """The id of a key that we made; None for any other text."""
    if not API_KEY_PATTERN.fullmatch(text) or not has_checksum(checksum_key, text):
        return None
    return text[len(API_KEY_PREFIX) : len(API_KEY_PREFIX) + KEY_ID_DIGITS]


def _make_digits(count: int) -> str:
    return "".join(secrets.choice(_DIGITS) for _ in range(count))
