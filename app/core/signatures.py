"""Signatures of the Standard Webhooks specification 1.0.0, symmetric form (`v1`).

Signed content: `{webhook-id}.{webhook-timestamp}.{raw body}`; HMAC-SHA-256; `webhook-signature` is a space-separated
list of `v1,{base64}`. Secrets read `whsec_{base64}` and hold 24 to 64 bytes.
"""

import hmac
import secrets
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from datetime import UTC, datetime

from app.core.errors import ConfigurationError

SECRET_PREFIX = "whsec_"  # noqa: S105 - not a secret: what every secret begins with
_SECRET_BYTES_MIN, _SECRET_BYTES_MAX = 24, 64
_SIGNATURES_MAX = 16
_TIMESTAMP_DIGITS_MAX = 12
_MESSAGE_ID_CHARACTERS_MAX = 256


def make_signing_secret() -> str:
    """A new secret of 32 random bytes in its `whsec_` form."""
    return SECRET_PREFIX + b64encode(secrets.token_bytes(32)).decode()


def decode_signing_secret(secret: str) -> bytes:
    """The bytes of a `whsec_` secret. Raises ConfigurationError for anything else: an empty one is never a key."""
    try:
        key = b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except Base64Error:
        key = b""
    if not secret.startswith(SECRET_PREFIX) or not _SECRET_BYTES_MIN <= len(key) <= _SECRET_BYTES_MAX:
        raise ConfigurationError("A signing secret has the form whsec_{base64 of 24 to 64 bytes}.")
    return key


def sign(key: bytes, message_id: str, timestamp_s: int, body: bytes) -> str:
    """The `v1,…` signature of a message."""
    return "v1," + b64encode(_digest(key, message_id, str(timestamp_s), body)).decode()


def verify(
    keys: Sequence[bytes],
    *,
    message_id: str | None,
    timestamp: str | None,
    signatures: str | None,
    body: bytes,
    now_s: float,
    tolerance_s: float,
) -> datetime | None:
    """The signed time of a message that one of `keys` signed, else None. Never raises; does the same work either way.

    None also for a time further than `tolerance_s` from now, on either side, and when no key is given.
    """
    digests = [_digest(key, message_id or "", timestamp or "", body) for key in keys or (b"\x00" * 32,)]
    is_signed = False
    for part in (signatures or "").split(" ")[:_SIGNATURES_MAX]:
        offered = _decode_signature(part)
        for digest in digests:
            is_signed |= hmac.compare_digest(digest, offered)
    signed_at = _parse_timestamp(timestamp)
    is_complete = bool(keys) and bool(message_id) and len(message_id or "") <= _MESSAGE_ID_CHARACTERS_MAX
    if not is_signed or not is_complete or signed_at is None or abs(now_s - signed_at) > tolerance_s:
        return None
    return datetime.fromtimestamp(signed_at, UTC)


def _digest(key: bytes, message_id: str, timestamp: str, body: bytes) -> bytes:
    return hmac.digest(key, f"{message_id}.{timestamp}.".encode("utf-8", "surrogatepass") + body, "sha256")


def _decode_signature(part: str) -> bytes:
    """The 32 bytes of one `v1,…` part, or 32 zero bytes, which no digest equals but by chance of 2⁻²⁵⁶."""
    version, _, text = part.partition(",")
    try:
        offered = b64decode(text, validate=True) if version == "v1" else b""
    except (Base64Error, ValueError):
        offered = b""
    return offered if len(offered) == 32 else b"\x00" * 32


def _parse_timestamp(text: str | None) -> int | None:
    if not text or len(text) > _TIMESTAMP_DIGITS_MAX or not (text.isascii() and text.isdigit()):
        return None
    return int(text)
