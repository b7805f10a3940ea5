"""The keystore: key-encryption keys, kept apart from all data. They wrap the tenants' data keys and nothing else.

`file:/path` is a JSON file that only its owner may read: `{"version": 1, "active": id, "keys": {id: base64}}`. A
wrapped key is `nonce (12) | ciphertext and tag` (AES-256-GCM); additional data binds what it is for.
"""

import base64
import json
import os
import secrets
from pathlib import Path
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.core.errors import ConfigurationError, KeystoreUnavailableError, SealingError

KEY_BYTES = 32
_NONCE_BYTES = 12


class Keystore(Protocol):
    """What the keyring needs of a keystore. Errors: KeystoreUnavailableError (now), SealingError (never)."""

    def wrap(self, key: bytes, binding: bytes) -> tuple[str, bytes]: ...

    def unwrap(self, kek_id: str, wrapped: bytes, binding: bytes) -> bytes: ...


class FileKeystore:
    """Key-encryption keys in a file of mode 0600, read once, and again when a key is not known yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._active = ""
        self._keys: dict[str, AESGCM] = {}
        self._load()

    @classmethod
    def open(cls, url: str) -> "FileKeystore":
        """Raises ConfigurationError when the file is missing, readable by others, or not a keystore."""
        keystore = cls(find_keystore_path(url))
        kek_id, wrapped = keystore.wrap(b"self-test", b"self-test")
        if keystore.unwrap(kek_id, wrapped, b"self-test") != b"self-test":
            raise ConfigurationError("The keystore does not give back what it wrapped.")
        return keystore

    @classmethod
    def create(cls, url: str) -> "FileKeystore":
        """A new keystore file with one key. Raises ConfigurationError when there is one already."""
        path = find_keystore_path(url)
        if path.exists():
            raise ConfigurationError(f"KEYSTORE_URL: {path} exists already; it is not overwritten.")
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, "kek-1", {"kek-1": secrets.token_bytes(KEY_BYTES)})
        return cls.open(url)

    @property
    def active_key_id(self) -> str:
        return self._active

    def add_key(self) -> str:
        """Makes a new key-encryption key and wraps with it from now on; the old ones still unwrap. Its id."""
        keys = {key_id: base64.b64decode(text) for key_id, text in self._read()["keys"].items()}
        key_id = f"kek-{len(keys) + 1}"
        _write(self._path, key_id, {**keys, key_id: secrets.token_bytes(KEY_BYTES)})
        self._load()
        return key_id

    def wrap(self, key: bytes, binding: bytes) -> tuple[str, bytes]:
        """The id of the key-encryption key that was used, and the wrapped key."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._active, nonce + self._keys[self._active].encrypt(nonce, key, binding)

    def unwrap(self, kek_id: str, wrapped: bytes, binding: bytes) -> bytes:
        """The key. Raises KeystoreUnavailableError for an unknown key id, SealingError when it does not open."""
        if kek_id not in self._keys:
            self._load_again()
        key = self._keys.get(kek_id)
        if key is None:
            raise KeystoreUnavailableError(f"The keystore {self._path} has no key {kek_id}.")
        try:
            return key.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], binding)
        except InvalidTag:
            raise SealingError(
                f"A data key wrapped with {kek_id} does not open: changed, or of another tenant."
            ) from None

    def _load_again(self) -> None:
        try:
            self._load()
        except ConfigurationError as error:
            raise KeystoreUnavailableError(str(error)) from None

    def _load(self) -> None:
        content = self._read()
        try:
            keys = {key_id: AESGCM(base64.b64decode(text, validate=True)) for key_id, text in content["keys"].items()}
            active = content["active"]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ConfigurationError(f"KEYSTORE_URL: {self._path} is not a keystore file.") from None
        if active not in keys:
            raise ConfigurationError(f"KEYSTORE_URL: {self._path} names an active key that it does not hold.")
        self._active, self._keys = active, keys

    def _read(self) -> dict[str, Any]:
        try:
            with self._path.open(encoding="utf-8") as file:
                mode = os.fstat(file.fileno()).st_mode & 0o777
                if mode & 0o077:
                    raise ConfigurationError(
                        f"KEYSTORE_URL: {self._path} has mode {mode:04o}: others may read it. Run chmod 600 on it."
                    )
                content: dict[str, Any] = json.load(file)
                return content
        except OSError as error:
            raise ConfigurationError(f"KEYSTORE_URL: {self._path} cannot be read: {error.strerror}.") from None
        except ValueError:
            raise ConfigurationError(f"KEYSTORE_URL: {self._path} is not a keystore file.") from None


def find_keystore_path(url: str) -> Path:
    """The path of a `file:` URL. Raises ConfigurationError for any other."""
    scheme, separator, rest = url.partition(":")
    if not separator or scheme != "file" or not rest:
        raise ConfigurationError("KEYSTORE_URL must have the form file:/path.")
    return Path("/" + rest.lstrip("/") if rest.startswith("//") else rest)


def _write(path: Path, active: str, keys: dict[str, bytes]) -> None:
    """Writes the file whole and durably: a torn keystore would make every tenant unreadable."""
    content = {
        "version": 1,
        "active": active,
        "keys": {key_id: base64.b64encode(key).decode() for key_id, key in keys.items()},
    }
    draft = path.with_suffix(f".draft-{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
