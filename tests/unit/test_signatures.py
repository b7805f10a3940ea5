"""Standard Webhooks signatures: what the specification says, over raw bytes, with two secrets during rotation."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import ConfigurationError
from app.core.signatures import decode_signing_secret, make_signing_secret, sign, verify

NOW = 1_795_000_000
KEY, OLD_KEY, OTHER_KEY = b"n" * 32, b"o" * 32, b"x" * 32
BODY = b'{"type":"customer.upsert"}'


def check(
    signatures: str | None,
    *,
    keys: tuple[bytes, ...] = (KEY,),
    body: bytes = BODY,
    message_id: str | None = "msg_1",
    timestamp: str | None = str(NOW),
    now_s: float = NOW,
) -> datetime | None:
    return verify(
        keys,
        message_id=message_id,
        timestamp=timestamp,
        signatures=signatures,
        body=body,
        now_s=now_s,
        tolerance_s=300,
    )


def test_it_agrees_with_the_specifications_own_example() -> None:
    key = decode_signing_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    assert sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body) == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_a_signed_message_gives_its_signed_time() -> None:
    assert check(sign(KEY, "msg_1", NOW, BODY)) == datetime.fromtimestamp(NOW, UTC)


def test_any_of_several_signatures_and_any_of_two_secrets_will_do() -> None:
    ours = sign(KEY, "msg_1", NOW, BODY)
    assert check(f"{sign(OTHER_KEY, 'msg_1', NOW, BODY)} v1a,abcd {ours}")
    assert check(sign(OLD_KEY, "msg_1", NOW, BODY), keys=(KEY, OLD_KEY))
    assert check(sign(OLD_KEY, "msg_1", NOW, BODY), keys=(KEY,)) is None


@pytest.mark.parametrize("age_s", [-301, 301])
def test_a_time_outside_the_tolerance_is_refused_on_either_side(age_s: int) -> None:
    assert check(sign(KEY, "msg_1", NOW, BODY), now_s=NOW + age_s) is None


def test_a_change_of_id_time_or_body_is_refused() -> None:
    ours = sign(KEY, "msg_1", NOW, BODY)
    assert check(ours, message_id="msg_2") is None
    assert check(ours, timestamp=str(NOW + 1)) is None
    assert check(ours, body=BODY + b" ") is None


def test_no_key_never_matches_anything() -> None:
    """An empty secret means disabled: the dummy key that equalises the work must not open the door."""
    assert check(sign(b"\x00" * 32, "msg_1", NOW, BODY), keys=()) is None


def test_missing_parts_are_refused() -> None:
    assert check(None) is None
    assert check(sign(KEY, "", NOW, BODY), message_id=None) is None
    assert check(sign(KEY, "", NOW, BODY), message_id="") is None
    assert check(sign(KEY, "msg_1", NOW, BODY), timestamp=None) is None


@given(st.text(max_size=200), st.text(max_size=30), st.text(max_size=30))
def test_it_is_total_on_any_headers(signatures: str, timestamp: str, message_id: str) -> None:
    assert check(signatures, timestamp=timestamp, message_id=message_id) is None


def test_a_secret_has_the_specified_form() -> None:
    assert len(decode_signing_secret(make_signing_secret())) == 32
    for wrong in ("", "whsec_", "whsec_AAAA", "whsec_!!!", make_signing_secret().removeprefix("whsec_")):
        with pytest.raises(ConfigurationError):
            decode_signing_secret(wrong)
