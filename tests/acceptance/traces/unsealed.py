"""One of our processes that seals nothing: `python -m tests.acceptance.traces.unsealed MODULE ARGUMENT…`.

What shows that the search finds what is there to be found. The product has no switch for this.
"""

import runpy
import sys
from collections.abc import Callable

from app.core import inline
from app.core.errors import SealingError


def seal_inline(public_key: bytes, info: bytes, plaintext: bytes) -> bytes:
    del public_key, info
    return plaintext


def open_inline(private_keys: object, info: bytes, sealed: bytes) -> bytes:
    del private_keys, info
    return sealed


def seal(self: object, purpose: str, natural_key: str, plaintext: bytes) -> bytes:
    del self, purpose, natural_key
    return plaintext


def open_sealed(self: object, purpose: str, natural_key: str, blob: bytes) -> bytes:
    del self, purpose, natural_key
    if not blob:
        raise SealingError("nothing")
    return blob


def unseal(replace: Callable[[object, str, object], None]) -> None:
    """`replace`: setattr, or a monkeypatch's, for a process that is to seal again afterwards."""
    # Before anybody imports them by name.
    replace(inline, "seal_inline", seal_inline)
    replace(inline, "open_inline", open_inline)
    from app.core import sealing

    replace(sealing, "seal_inline", seal_inline)
    replace(sealing, "open_inline", open_inline)
    replace(sealing.TenantKeys, "seal", seal)
    replace(sealing.TenantKeys, "open", open_sealed)


if __name__ == "__main__":
    unseal(setattr)
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
