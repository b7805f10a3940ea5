"""The endpoint directory in Redis: how the receiver finds a token's tenant without Postgres.

Postgres holds the truth (app/services/endpoints.py publishes it). Keys: `directory:endpoints` (hash: SHA-256 of the
token, hex → entry), `directory:generation` (missing: nothing may be concluded, 503 and never 401),
`directory:version` (changes with every publication: receivers drop their caches), `directory:fingerprint` (of the rows
that were published). Redis holds nothing usable: tokens and secrets are hashes, what an inline endpoint verifies and
seals with is itself sealed with a key derived from ENDPOINT_TOKEN_KEY.
"""

import hmac
import os
from base64 import b64decode, b64encode
from typing import Literal, NamedTuple

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.core.errors import ConfigurationError, SealingError
from app.core.tokens import derive_checksum_key

ENDPOINTS_KEY = "directory:endpoints"
GENERATION_KEY = "directory:generation"
VERSION_KEY = "directory:version"
FINGERPRINT_KEY = "directory:fingerprint"
# Beside the directory: when an endpoint was last called with the secret before its newest (receiver/secret_uses.py).
PREVIOUS_USED_KEY = "secrets:previous_used"

EndpointKind = Literal["order_hook", "customer_trigger", "inline"]
Priority = Literal["high", "normal", "low"]
_NONCE_BYTES = 12


class DirectoryEntry(NamedTuple):
    """What the receiver knows of one endpoint. `accounts` are lower-case; `secret_hashes` are SHA-256, at most two.

    `sealed_inline` (kind inline): an InlineSecrets sealed with the directory's key, bound to the token's hash.
    """

    tenant_id: int
    integration_id: int
    connector: str
    kind: EndpointKind
    source: str
    accounts: tuple[str, ...]
    header_name: str | None
    secret_hashes: tuple[bytes, ...]
    sealed_inline: bytes | None
    status: Literal["active", "revoked"]
    tenant_status: str
    priority: Priority
    group: str


class InlineSecrets(NamedTuple):
    """What verifies an inline call (any of `signing_keys`), and the tenant's public key (32 raw X25519 bytes).

    The public key stands here and not beside the sealed part: whoever can write to Redis must not be able to have
    documents sealed to a key of their own.
    """

    signing_keys: tuple[bytes, ...]
    public_key: bytes


class DirectoryKeys(NamedTuple):
    """Both keys that are derived from ENDPOINT_TOKEN_KEY."""

    checksum_key: bytes
    sealing_key: AESGCM


def read_endpoint_token_key(endpoint_token_key: str) -> bytes:
    """The setting's 64 hex digits as bytes. Raises ConfigurationError."""
    try:
        key = bytes.fromhex(endpoint_token_key)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise ConfigurationError("ENDPOINT_TOKEN_KEY must be 64 hex digits. Make one: openssl rand -hex 32")
    return key


def derive_directory_keys(endpoint_token_key: str) -> DirectoryKeys:
    """The keys from the setting's 64 hex digits. Raises ConfigurationError."""
    key = read_endpoint_token_key(endpoint_token_key)
    return DirectoryKeys(derive_checksum_key(key), AESGCM(hmac.digest(key, b"directory-sealing.v1", "sha256")))


def seal_inline_secrets(keys: DirectoryKeys, token_hash: bytes, secrets: InlineSecrets) -> bytes:
    """The blob for `DirectoryEntry.sealed_inline`: `nonce (12) | ciphertext and tag`."""
    plain = orjson.dumps(
        {
            "signing_keys": [b64encode(key).decode() for key in secrets.signing_keys],
            "public_key": b64encode(secrets.public_key).decode(),
        }
    )
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + keys.sealing_key.encrypt(nonce, plain, _bind(token_hash))


def open_inline_secrets(keys: DirectoryKeys, token_hash: bytes, sealed: bytes) -> InlineSecrets:
    """Raises SealingError for a blob of another endpoint, of another key, or changed."""
    try:
        plain = keys.sealing_key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bind(token_hash))
    except (InvalidTag, ValueError):
        raise SealingError("The directory's entry of an inline endpoint does not open.") from None
    fields = orjson.loads(plain)
    signing_keys = tuple(b64decode(text) for text in fields["signing_keys"])
    return InlineSecrets(signing_keys, b64decode(fields["public_key"]))


def encode_entry(entry: DirectoryEntry) -> bytes:
    """The entry as JSON, the form in which it stands in Redis."""
    fields = entry._asdict() | {
        "secret_hashes": [digest.hex() for digest in entry.secret_hashes],
        "sealed_inline": None if entry.sealed_inline is None else b64encode(entry.sealed_inline).decode(),
    }
    return orjson.dumps(fields)


def decode_entry(text: bytes) -> DirectoryEntry:
    """Raises ValueError, KeyError or TypeError for what `encode_entry` did not write."""
    fields = orjson.loads(text)
    fields["accounts"] = tuple(fields["accounts"])
    fields["secret_hashes"] = tuple(bytes.fromhex(digest) for digest in fields["secret_hashes"])
    if fields["sealed_inline"] is not None:
        fields["sealed_inline"] = b64decode(fields["sealed_inline"])
    return DirectoryEntry(**fields)


def _bind(token_hash: bytes) -> bytes:
    return b"directory.v1|" + token_hash
