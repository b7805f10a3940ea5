"""Endpoint tokens: made-up ones die in memory, and logs can recognise one."""

import os

from hypothesis import given
from hypothesis import strategies as st

from app.core.logging import scrub_text
from app.core.tokens import (
    TOKEN_PATTERN,
    derive_checksum_key,
    has_valid_checksum,
    hash_token,
    make_endpoint_token,
)

KEY = derive_checksum_key(b"k" * 32)


def test_a_token_of_ours_has_a_valid_checksum_and_the_known_form() -> None:
    token = make_endpoint_token(KEY)
    assert has_valid_checksum(KEY, token)
    assert TOKEN_PATTERN.fullmatch(token)
    assert make_endpoint_token(KEY) != token


def test_a_token_under_another_key_or_with_one_digit_changed_has_none() -> None:
    token = make_endpoint_token(KEY)
    assert not has_valid_checksum(derive_checksum_key(os.urandom(32)), token)
    for index in range(4, len(token)):
        other = "0" if token[index] != "0" else "1"
        assert not has_valid_checksum(KEY, token[:index] + other + token[index + 1 :])


@given(st.text(max_size=60))
def test_the_checksum_is_total_on_any_text(text: str) -> None:
    assert not has_valid_checksum(KEY, text)
    assert len(hash_token(text)) == 32


def test_lone_surrogates_of_a_url_do_not_raise() -> None:
    assert not has_valid_checksum(KEY, "aqe_" + "\ud800" * 30)
    assert len(hash_token("\ud800")) == 32


def test_a_token_secret_or_address_in_a_log_text_is_scrubbed() -> None:
    token = make_endpoint_token(KEY)
    text = scrub_text(f"POST /webhooks/vtex/{token} whsec_AAAABBBB ana@example.com redis://u:pw@host v1,{'A' * 43}=")
    for hidden in (token, "AAAABBBB", "ana@", "pw@", "A" * 20):
        assert hidden not in text
