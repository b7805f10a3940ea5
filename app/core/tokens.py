"""Endpoint tokens: `aqe_`, 24 random base62 digits (142 bits), six of keyed checksum.

The checksum makes an invented token die in memory: it proves that we made the token, not that it is valid. The prefix
lets logs and secret scanners recognise one.
"""

import hmac
import re
import secrets
from hashlib import sha256

TOKEN_PREFIX = "aqe_"  # noqa: S105 - not a secret: what every token begins with
TOKEN_PATTERN = re.compile(TOKEN_PREFIX + "[0-9A-Za-z]{30}")
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_DIGITS = 24
_CHECKSUM_DIGITS = 6
_TOKEN_CHARACTERS = len(TOKEN_PREFIX) + _RANDOM_DIGITS + _CHECKSUM_DIGITS


def derive_checksum_key(endpoint_token_key: bytes) -> bytes:
    """The key of the checksums, from ENDPOINT_TOKEN_KEY (which serves other purposes under other labels)."""
    return hmac.digest(endpoint_token_key, b"endpoint-token-checksum.v1", "sha256")


def derive_api_checksum_key(endpoint_token_key: bytes) -> bytes:
    """The key of the checksums of API keys, from the same setting."""
    return hmac.digest(endpoint_token_key, b"api-key-checksum.v1", "sha256")


def make_endpoint_token(checksum_key: bytes) -> str:
    """A new token, to be shown once and stored as its hash."""
    body = TOKEN_PREFIX + "".join(secrets.choice(_DIGITS) for _ in range(_RANDOM_DIGITS))
    return append_checksum(checksum_key, body)


def append_checksum(checksum_key: bytes, body: str) -> str:
    """`body` with its six digits of checksum."""
    return body + _checksum(checksum_key, body)


def has_checksum(checksum_key: bytes, text: str) -> bool:
    """Whether the last six digits of an ASCII text are the checksum of the rest."""
    body, checksum = text[:-_CHECKSUM_DIGITS], text[-_CHECKSUM_DIGITS:]
    return hmac.compare_digest(_checksum(checksum_key, body), checksum)


def has_valid_checksum(checksum_key: bytes, token: str) -> bool:
    """Whether we made this token. Total on any text; takes the same time for every text of a token's length."""
    if len(token) != _TOKEN_CHARACTERS or not token.isascii():
        return False
    return has_checksum(checksum_key, token)


def hash_token(token: str) -> bytes:
    """SHA-256: what is stored and looked up. A token has too many random bits to be guessed from it."""
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def _checksum(checksum_key: bytes, body: str) -> str:
    number = int.from_bytes(hmac.digest(checksum_key, body.encode(), "sha256")[:8], "big")
    digits = []
    for _ in range(_CHECKSUM_DIGITS):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(digits)
