"""Tenant tokens: what a transaction shows the database to say whose rows it works on (design §5)."""

import hashlib
import hmac
import re
import time
from typing import NamedTuple

from app.core.errors import ConfigurationError, TenantContextError

PLATFORM = "platform"
_TENANT_ID_MAX = 2**31 - 1
_PURPOSE = re.compile(r"^[A-Za-z0-9_.:-]{1,64}$")
_BLOCK_BYTES = 64


class TokenKey(NamedTuple):
    key_id: str
    key: bytes


def read_token_key(text: str) -> TokenKey:
    """The key of TENANT_TOKEN_KEY: `key id:64 hex digits`. Raises ConfigurationError for anything else."""
    match = re.fullmatch(r"([A-Za-z0-9_-]{1,32}):([0-9a-fA-F]{64})", text)
    if match is None:
        raise ConfigurationError("TENANT_TOKEN_KEY must be a key id, a colon and 64 hex digits.")
    return TokenKey(match[1], bytes.fromhex(match[2]))


def mint_token(key: TokenKey, scope: int | str, purpose: str, ttl_s: int, now: float | None = None) -> str:
    """A token for one tenant (`scope`: its id) or for platform work (`scope`: "platform").

    `now`: seconds since the epoch. Raises TenantContextError for a scope or purpose that no token can carry.
    """
    if isinstance(scope, bool) or not (scope == PLATFORM or (isinstance(scope, int) and 0 < scope <= _TENANT_ID_MAX)):
        raise TenantContextError("A token's scope is a tenant id or 'platform'.")
    if _PURPOSE.match(purpose) is None:
        raise TenantContextError("A token's purpose is 1 to 64 letters, digits and _.:-")
    expires_at = int(time.time() if now is None else now) + ttl_s
    signed = f"v1|{scope}|{purpose}|{expires_at}|{key.key_id}"
    return f"{signed}|{hmac.digest(key.key, signed.encode(), 'sha256').hex()}"


def make_pads(key: bytes) -> tuple[bytes, bytes]:
    """The inner and outer pads of HMAC-SHA-256 (RFC 2104): what the database keeps instead of the key."""
    block = (hashlib.sha256(key).digest() if len(key) > _BLOCK_BYTES else key).ljust(_BLOCK_BYTES, b"\0")
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)
