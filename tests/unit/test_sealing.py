"""A blob opens for its own tenant, purpose, object and key, and for nothing else."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import KeyDestroyedError, SealingError
from app.core.inline import derive_public_key, inline_info, make_inline_key, seal_inline
from app.core.sealing import TenantKeys


def make_keys(tenant_id: int, *, seal_versions: tuple[int, ...] = (1,), destroyed: tuple[int, ...] = ()) -> TenantKeys:
    return TenantKeys(
        tenant_id,
        seal_keys={version: os.urandom(32) for version in seal_versions},
        index_keys={1: os.urandom(32), 2: os.urandom(32)},
        hash_key=os.urandom(32),
        inline_keys={1: make_inline_key(), 2: make_inline_key()},
        destroyed_seal_versions=frozenset(destroyed),
    )


ACME, GLOBEX = make_keys(56), make_keys(57)


@given(st.binary(max_size=300), st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_what_is_sealed_opens(plaintext: bytes, natural_key: str) -> None:
    blob = ACME.seal("customer.v1", natural_key, plaintext)
    assert ACME.open("customer.v1", natural_key, blob) == plaintext


def test_a_blob_opens_only_for_its_own_binding() -> None:
    blob = ACME.seal("customer.v1", "vtex|acme|1", b"Ana")
    for keys, purpose, natural_key in [
        (GLOBEX, "customer.v1", "vtex|acme|1"),
        (ACME, "order.v1", "vtex|acme|1"),
        (ACME, "customer.v1", "vtex|acme|2"),
        (ACME, "customer.v1", "vtex|globex|1"),
    ]:
        with pytest.raises(SealingError):
            keys.open(purpose, natural_key, blob)


def test_two_tenants_with_the_same_key_bytes_still_do_not_open_each_others_blobs() -> None:
    """The binding itself names the tenant: a mix-up in the keys database must not make one tenant read another."""
    material = {"seal_keys": {1: b"k" * 32}, "index_keys": {1: b"i" * 32}, "inline_keys": {1: make_inline_key()}}
    acme, globex = (TenantKeys(tenant, hash_key=b"h" * 32, **material) for tenant in (56, 57))  # type: ignore[arg-type]
    with pytest.raises(SealingError):
        globex.open("customer.v1", "k", acme.seal("customer.v1", "k", b"Ana"))


@given(st.integers(min_value=0), st.binary(min_size=1, max_size=60))
def test_a_blob_cut_short_or_changed_anywhere_does_not_open(position: int, plaintext: bytes) -> None:
    blob = ACME.seal("order.v1", "k", plaintext)
    index = position % len(blob)
    changed = bytearray(blob)
    changed[index] ^= 1
    for damaged in (blob[:index], bytes(changed)):
        with pytest.raises(SealingError):
            ACME.open("order.v1", "k", damaged)


def test_new_blobs_use_the_newest_key_and_old_ones_still_open() -> None:
    material = {version: os.urandom(32) for version in (1, 2)}
    common = {"index_keys": {1: b"i" * 32}, "hash_key": b"h" * 32, "inline_keys": {1: make_inline_key()}}
    before = TenantKeys(56, seal_keys={1: material[1]}, **common)  # type: ignore[arg-type]
    after = TenantKeys(56, seal_keys=material, **common)  # type: ignore[arg-type]
    old = before.seal("order.v1", "k", b"x")
    assert after.open("order.v1", "k", old) == b"x"
    assert after.seal_version == 2
    with pytest.raises(SealingError):
        before.open("order.v1", "k", after.seal("order.v1", "k", b"x"))


def test_a_destroyed_key_is_told_apart_from_a_wrong_blob() -> None:
    blob = ACME.seal("order.v1", "k", b"x")
    with pytest.raises(KeyDestroyedError):
        make_keys(56, seal_versions=(2,), destroyed=(1,)).open("order.v1", "k", blob)


def test_a_blob_never_repeats() -> None:
    assert ACME.seal("order.v1", "k", b"x") != ACME.seal("order.v1", "k", b"x")


def test_a_blind_index_is_equal_for_equal_values_of_one_tenant_only() -> None:
    index = ACME.blind_index("email", "ana@example.com")
    assert len(index) == 16
    assert index == ACME.blind_index("email", "ana@example.com")
    assert index == ACME.blind_index("email", "ana@example.com", version=2)
    others = [
        GLOBEX.blind_index("email", "ana@example.com"),
        ACME.blind_index("phone", "ana@example.com"),
        ACME.blind_index("email", "ana@example.com", version=1),
        ACME.blind_index("email", "bea@example.com"),
    ]
    assert index not in others


def test_a_content_hash_is_keyed_by_tenant() -> None:
    assert ACME.content_hash(b"x") == ACME.content_hash(b"x")
    assert ACME.content_hash(b"x") != GLOBEX.content_hash(b"x")
    assert len(ACME.content_hash(b"x")) == 16


def test_keys_do_not_show_themselves() -> None:
    assert "56" in repr(ACME)
    assert len(repr(ACME)) < 60


INFO = inline_info(56, "brand", "customer", "c1", "0190a5e0-0000-7000-8000-000000000000")


@given(st.binary(max_size=200))
def test_an_inline_document_opens_with_the_tenants_private_key(document: bytes) -> None:
    assert ACME.open_inline(seal_inline(ACME.public_key, INFO, document), INFO) == document


def test_an_inline_document_opens_after_the_inline_key_was_rotated() -> None:
    first, second = make_inline_key(), make_inline_key()
    common = {"seal_keys": {1: b"s" * 32}, "index_keys": {1: b"i" * 32}, "hash_key": b"h" * 32}
    sealed = seal_inline(derive_public_key(first), INFO, b"x")
    rotated = TenantKeys(56, inline_keys={1: first, 2: second}, **common)  # type: ignore[arg-type]
    assert rotated.public_key == derive_public_key(second)
    assert rotated.open_inline(sealed, INFO) == b"x"


@given(st.integers(min_value=0))
def test_an_inline_document_of_another_binding_or_changed_does_not_open(position: int) -> None:
    sealed = seal_inline(ACME.public_key, INFO, b"Ana")
    index = position % len(sealed)
    changed = bytearray(sealed)
    changed[index] ^= 1
    other_info = inline_info(56, "brand", "customer", "c2", "0190a5e0-0000-7000-8000-000000000000")
    for keys, info, blob in [
        (GLOBEX, INFO, sealed), (ACME, other_info, sealed), (ACME, INFO, sealed[:index]), (ACME, INFO, bytes(changed)),
    ]:  # fmt: skip
        with pytest.raises(SealingError):
            keys.open_inline(blob, info)
