"""Inline documents are sealed to a tenant's public key (HPKE, RFC 9180): the receiver can seal and not open.

Suite: X25519, HKDF-SHA-256, AES-256-GCM. Form: `0x01 | key id (4 bytes) | enc | ciphertext and tag`; the key id is the
beginning of SHA-256 over the public key, so that an opener with several versions knows which one to take.
"""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from app.core.errors import SealingError

PUBLIC_KEY_BYTES = 32
_FORMAT = b"\x01"
_KEY_ID_BYTES = 4
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def inline_info(tenant_id: int, source: str, kind: str, object_id: str, event_id: str) -> bytes:
    """What an inline document is bound to: it opens only for this tenant, object and event.

    `object_id` comes from outside and stands last, so that nothing in it can imitate another part.
    """
    return f"inline.v1|{tenant_id}|{source}|{kind}|{event_id}|{object_id}".encode()


def seal_inline(public_key: bytes, info: bytes, plaintext: bytes) -> bytes:
    """`plaintext` sealed to the holder of the private key. `public_key`: 32 raw X25519 bytes."""
    return _FORMAT + _key_id(public_key) + _SUITE.encrypt(plaintext, _load_public_key(public_key), info=info)


def open_inline(private_keys: Iterable[bytes], info: bytes, sealed: bytes) -> bytes:
    """What was sealed to one of `private_keys` (raw X25519). Raises SealingError."""
    start = 1 + _KEY_ID_BYTES
    if sealed[:1] != _FORMAT or len(sealed) <= start:
        raise SealingError("This inline document has a form that we do not know, or is cut short.")
    for raw in private_keys:
        if _key_id(derive_public_key(raw)) != sealed[1:start]:
            continue
        try:
            return _SUITE.decrypt(sealed[start:], X25519PrivateKey.from_private_bytes(raw), info=info)
        except (InvalidTag, ValueError):
            raise SealingError("This inline document does not open: changed, or of another event.") from None
    raise SealingError("This inline document was sealed to a key that we do not hold.")


def make_inline_key() -> bytes:
    """A new private key: 32 raw X25519 bytes."""
    return X25519PrivateKey.generate().private_bytes_raw()


@lru_cache(maxsize=8_192)
def derive_public_key(private_key: bytes) -> bytes:
    """The public key of a private one, both as 32 raw X25519 bytes."""
    return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


@lru_cache(maxsize=8_192)
def _load_public_key(raw: bytes) -> X25519PublicKey:
    return X25519PublicKey.from_public_bytes(raw)


def _key_id(public_key: bytes) -> bytes:
    return sha256(public_key).digest()[:_KEY_ID_BYTES]
