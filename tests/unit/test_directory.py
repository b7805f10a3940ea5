"""Directory entries: what is published reads back the same, and holds nothing that opens or signs."""

import secrets

import pytest

from app.core.directory import (
    DirectoryEntry,
    InlineSecrets,
    decode_entry,
    derive_directory_keys,
    encode_entry,
    open_inline_secrets,
    seal_inline_secrets,
)
from app.core.errors import ConfigurationError, SealingError

KEYS = derive_directory_keys("ab" * 32)
SECRETS = InlineSecrets((b"n" * 32, b"o" * 32), b"p" * 32)


def make_entry(sealed: bytes | None) -> DirectoryEntry:
    return DirectoryEntry(
        tenant_id=56, integration_id=3, connector="vtex", kind="order_hook", source="vtex", accounts=("acme",),
        header_name="X-Acequia-Secret", secret_hashes=(b"\x00" * 32, b"\xff" * 32), sealed_inline=sealed,
        status="active", tenant_status="active", priority="high", group="shared",
    )  # fmt: skip


def test_an_entry_reads_back_as_it_was_written() -> None:
    for sealed in (None, secrets.token_bytes(80)):
        assert decode_entry(encode_entry(make_entry(sealed))) == make_entry(sealed)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"tenant_id": 1}', b"\xff"])
def test_what_was_not_written_by_us_is_an_error(text: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        decode_entry(text)


def test_inline_secrets_open_for_their_own_endpoint_and_key_only() -> None:
    sealed = seal_inline_secrets(KEYS, b"h" * 32, SECRETS)
    assert open_inline_secrets(KEYS, b"h" * 32, sealed) == SECRETS
    for keys, token_hash, blob in [
        (KEYS, b"x" * 32, sealed),
        (derive_directory_keys("cd" * 32), b"h" * 32, sealed),
        (KEYS, b"h" * 32, sealed[:-1]),
        (KEYS, b"h" * 32, b""),
    ]:
        with pytest.raises(SealingError):
            open_inline_secrets(keys, token_hash, blob)


def test_an_entry_holds_no_usable_secret() -> None:
    text = encode_entry(make_entry(seal_inline_secrets(KEYS, b"h" * 32, SECRETS)))
    for secret in (*SECRETS.signing_keys, SECRETS.public_key):
        assert secret not in text
        assert secret.hex().encode() not in text


@pytest.mark.parametrize("text", ["", "ab", "zz" * 32, "ab" * 31])
def test_a_wrong_key_setting_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigurationError, match="ENDPOINT_TOKEN_KEY"):
        derive_directory_keys(text)
