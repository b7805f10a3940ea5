"""Sealing: one AES-256-GCM blob per row for its personal fields, bound to tenant, purpose and object.

Blob: `0x01 | key kind (1 byte) | key version (4 bytes, big-endian) | nonce (12) | ciphertext and tag`.
Additional data: `v1|{tenant}|{purpose}|{natural key}|{kind}:{version}`. Tenant and purpose hold no `|` and the key is
a pair of numbers, so two different bindings never give the same bytes, whatever the natural key holds.
"""

import os
from collections.abc import Mapping
from struct import Struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from app.core.errors import KeyDestroyedError, SealingError
from app.core.inline import derive_public_key, inline_info, open_inline, seal_inline

__all__ = ["TenantKeys", "inline_info", "seal_inline"]

FORMAT = 1
KEY_KIND_TENANT = 1
BLIND_INDEX_BYTES = 16
CONTENT_HASH_BYTES = 16
_HEADER = Struct(">BBI")
_NONCE_BYTES = 12
_TAG_BYTES = 16
_OVERHEAD_BYTES = _HEADER.size + _NONCE_BYTES + _TAG_BYTES


class TenantKeys:
    """One tenant's opened data keys. Immutable, made by the keyring, shared by everything that seals or opens.

    Every mapping is version → 32 bytes. New blobs use the newest seal key, blind indexes the newest index key.
    The hash key has one version for ever: a changed content hash would make every row look new.
    """

    __slots__ = ("_destroyed", "_hash_key", "_index_keys", "_inline_keys", "_prefix", "_seal_keys", "index_version",
                 "public_key", "seal_version", "tenant_id")  # fmt: skip

    def __init__(
        self,
        tenant_id: int,
        *,
        seal_keys: Mapping[int, bytes],
        index_keys: Mapping[int, bytes],
        hash_key: bytes,
        inline_keys: Mapping[int, bytes],
        destroyed_seal_versions: frozenset[int] = frozenset(),
    ) -> None:
        self.tenant_id = tenant_id
        self.seal_version = max(seal_keys)
        self.index_version = max(index_keys)
        self.public_key = derive_public_key(inline_keys[max(inline_keys)])
        self._seal_keys = {version: AESGCM(key) for version, key in seal_keys.items()}
        # Keyed once and copied for every text: keying takes longer than hashing so few bytes.
        self._index_keys = {version: HMAC(key, SHA256()) for version, key in index_keys.items()}
        self._hash_key = HMAC(hash_key, SHA256())
        self._inline_keys = tuple(inline_keys[version] for version in sorted(inline_keys, reverse=True))
        self._destroyed = destroyed_seal_versions
        self._prefix = f"v1|{tenant_id}|"

    def __repr__(self) -> str:
        return f"TenantKeys(tenant_id={self.tenant_id}, seal_version={self.seal_version})"

    @property
    def index_versions(self) -> tuple[int, ...]:
        """Versions that stored blind indexes may be of, oldest first."""
        return tuple(sorted(self._index_keys))

    def seal(self, purpose: str, natural_key: str, plaintext: bytes) -> bytes:
        """The blob of `plaintext`, which opens only for this tenant, purpose and natural key."""
        version = self.seal_version
        nonce = os.urandom(_NONCE_BYTES)
        binding = self._bind(purpose, natural_key, KEY_KIND_TENANT, version)
        header = _HEADER.pack(FORMAT, KEY_KIND_TENANT, version)
        return header + nonce + self._seal_keys[version].encrypt(nonce, plaintext, binding)

    def open(self, purpose: str, natural_key: str, blob: bytes) -> bytes:
        """What was sealed. Raises KeyDestroyedError for a destroyed key, SealingError for anything else wrong."""
        if len(blob) < _OVERHEAD_BYTES:
            raise SealingError("This sealed blob is cut short.")
        form, kind, version = _HEADER.unpack_from(blob)
        if form != FORMAT or kind != KEY_KIND_TENANT:
            raise SealingError(f"This sealed blob has a form ({form}) or key kind ({kind}) that we do not know.")
        key = self._seal_keys.get(version)
        if key is None:
            if version in self._destroyed:
                raise KeyDestroyedError(f"Key version {version} of tenant {self.tenant_id} was destroyed.")
            raise SealingError(f"Tenant {self.tenant_id} has no key of version {version}.")
        nonce_end = _HEADER.size + _NONCE_BYTES
        try:
            return key.decrypt(
                blob[_HEADER.size : nonce_end], blob[nonce_end:], self._bind(purpose, natural_key, kind, version)
            )
        except InvalidTag:
            raise SealingError(f"A {purpose} blob of tenant {self.tenant_id} does not open: not its own.") from None

    def blind_index(self, kind: str, normal_form: str, *, version: int | None = None) -> bytes:
        """16 bytes that find `normal_form` again and do not tell it. The newest index key unless `version` is given."""
        key = self._index_keys[self.index_version if version is None else version]
        return _digest(key, f"{kind}\x00{normal_form}".encode())[:BLIND_INDEX_BYTES]

    def content_hash(self, canonical: bytes) -> bytes:
        """16 bytes, keyed: equal for equal content of this tenant; breaks ties between observations."""
        return _digest(self._hash_key, canonical)[:CONTENT_HASH_BYTES]

    def open_inline(self, sealed: bytes, info: bytes) -> bytes:
        """An inline document sealed to this tenant's public key. Raises SealingError."""
        return open_inline(self._inline_keys, info, sealed)

    def _bind(self, purpose: str, natural_key: str, kind: int, version: int) -> bytes:
        if "|" in purpose:
            raise SealingError("A purpose holds no '|'.")
        return f"{self._prefix}{purpose}|{natural_key}|{kind}:{version}".encode()


def _digest(keyed: HMAC, text: bytes) -> bytes:
    fresh = keyed.copy()
    fresh.update(text)
    return fresh.finalize()
