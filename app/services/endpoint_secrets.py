"""The secrets of endpoints: made, sealed for their row, and opened again. Newest first, at most two are valid.

An order hook's secret is kept as a hash for the receiver, and sealed with the tenant's key for setting up the hook
again. An inline endpoint's must be used by the receiver itself, so it is sealed with the directory's key.
"""

import secrets
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

import orjson

from app.core.directory import (
    DirectoryKeys,
    EndpointKind,
    InlineSecrets,
    open_inline_secrets,
    seal_inline_secrets,
)
from app.core.sealing import TenantKeys
from app.core.signatures import SECRET_PREFIX, decode_signing_secret, make_signing_secret
from db.endpoints import EndpointRow

SECRETS_VALID_MAX = 2
_PURPOSE = "endpoint_secret.v1"


class SecretKeys(NamedTuple):
    """What seals an endpoint's secrets: its tenant's keys and the directory's."""

    tenant: TenantKeys
    directory: DirectoryKeys


def make_secret(kind: EndpointKind) -> str | None:
    """A new secret; None for a customer_trigger, whose address is its secret."""
    if kind == "inline":
        return make_signing_secret()
    return secrets.token_urlsafe(32) if kind == "order_hook" else None


def seal_secrets(keys: SecretKeys, row: EndpointRow, valid: Sequence[str]) -> EndpointRow:
    """The row with `valid` as its secrets."""
    if row.kind == "inline":
        signing_keys = tuple(decode_signing_secret(secret) for secret in valid)
        inline = InlineSecrets(signing_keys, keys.tenant.public_key)
        return row._replace(sealed_secrets=seal_inline_secrets(keys.directory, row.token_hash, inline))
    if row.kind == "customer_trigger":
        return row
    return row._replace(
        secret_hashes=[sha256(secret.encode()).digest() for secret in valid],
        sealed_secrets=keys.tenant.seal(_PURPOSE, str(row.endpoint_id), orjson.dumps(list(valid))),
    )


def open_secrets(keys: SecretKeys, row: EndpointRow) -> list[str]:
    """The valid secrets, newest first. Raises SealingError."""
    if row.sealed_secrets is None:
        return []
    if row.kind == "inline":
        inline = open_inline_secrets(keys.directory, row.token_hash, row.sealed_secrets)
        return [SECRET_PREFIX + b64encode(key).decode() for key in inline.signing_keys]
    opened: list[str] = orjson.loads(keys.tenant.open(_PURPOSE, str(row.endpoint_id), row.sealed_secrets))
    return opened
