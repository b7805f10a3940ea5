"""Personal data of somebody who does not exist, and the many forms in which it could be left behind."""

import secrets
import string
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from typing import NamedTuple

_LOWER = string.ascii_lowercase + string.digits


class Canaries(NamedTuple):
    """Unique texts. `phone` is as a provider writes it, `spoken_phone` as people do; both normalise to one number."""

    email: str
    phone: str
    spoken_phone: str
    document: str
    street: str
    token: str

    def list_cores(self) -> list[tuple[str, str]]:
        """Canary → a part of it that no normal form removes. Several for a phone, which has several spellings."""
        digits = self.phone[-8:]
        return [
            ("email", self.email.partition("@")[0]),
            ("phone", f"11{digits}"),
            ("phone", f"15-{digits}"),
            ("phone", f"15{digits}"),
            ("document", self.document),
            ("street", self.street.partition(" ")[2]),
            ("token", self.token[8:40]),
        ]


def make_canaries(token: str) -> Canaries:
    """`token`: the app token that the store already has, 40 characters or longer."""
    assert len(token) >= 40
    digits = f"{secrets.choice('23456')}{secrets.randbelow(10**7):07}"
    return Canaries(
        email=f"canario{_make_text(12)}@correo{_make_text(6)}.com.ar",
        phone=f"+54911{digits}",
        spoken_phone=f"011 15-{digits}",
        document=f"K{_make_text(9).upper()}7X",
        street=f"Calle {_make_text(16)}",
        token=token,
    )


class Needle(NamedTuple):
    """`text`: lower-cased bytes, as they would stand in lower-cased bytes."""

    canary: str
    form: str
    text: bytes


def make_needles(canaries: Canaries) -> list[Needle]:
    found = [
        Needle(canary, form, text.lower()) for canary, core in canaries.list_cores() for form, text in _list_forms(core)
    ]
    for digits in (canaries.phone[1:], f"11{canaries.phone[-8:]}"):
        # What is all digits may be kept as a number: by a column, by a listpack.
        found += [
            Needle("phone", f"number {order}", int(digits).to_bytes(8, order).lower()) for order in ("little", "big")
        ]
    return list({needle.text: needle for needle in found}.values())


def make_listed_needles(canaries: Canaries) -> list[Needle]:
    """Of what only syncs have brought: their canaries have names of their own. The token is the store's, as ever."""
    return [
        needle._replace(canary=f"listed {needle.canary}")
        for needle in make_needles(canaries)
        if needle.canary != "token"
    ]


def _list_forms(core: str) -> Iterator[tuple[str, bytes]]:
    raw = core.encode()
    yield "raw", raw
    yield "utf-16 le", core.encode("utf-16-le")
    yield "utf-16 be", core.encode("utf-16-be")
    yield "hex", raw.hex().encode()
    yield "json escapes", "".join(f"\\u{ord(character):04x}" for character in core).encode()
    yield "url encoded", "".join(f"%{byte:02x}" for byte in raw).encode()
    for shift in range(3):
        for encode in (b64encode, urlsafe_b64encode):
            yield f"base64 +{shift}", _cut_base64(encode(bytes(shift) + raw), shift, len(raw))


def _cut_base64(text: bytes, shift: int, size: int) -> bytes:
    """Only the characters that do not depend on what stands before and behind."""
    return text[-(-shift * 8 // 6) : (shift + size) * 8 // 6]


def _make_text(length: int) -> str:
    return "".join(secrets.choice(_LOWER) for _ in range(length))
