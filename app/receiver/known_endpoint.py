"""An endpoint as the receiver uses it: the directory's entry with everything prepared that a call would repeat."""

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from hmac import compare_digest

from prometheus_client import Counter

from app.core.directory import DirectoryEntry, DirectoryKeys, InlineSecrets, open_inline_secrets
from app.core.errors import SealingError
from app.core.logging import get_logger
from app.core.metric_labels import TENANT_NAMES
from app.receiver.metrics import CALLS

log = get_logger()

_NO_DIGEST = b"\x00" * 32


class KnownEndpoint:
    """One endpoint. `inline` is there for kind inline, when its secrets could be opened. `note_previous` is called for
    each call with the secret before the newest."""

    __slots__ = ("_hashes", "accepted", "accounts", "ahead_class", "entry", "header", "inline", "note_previous")

    def __init__(self, entry: DirectoryEntry, inline: InlineSecrets | None, note_previous: Callable[[], None]) -> None:
        self.note_previous = note_previous
        self.entry = entry
        self.inline = inline
        self.header = (entry.header_name or "").lower().encode("latin-1", "replace")
        self.accounts = frozenset(entry.accounts)
        self.ahead_class = entry.priority
        self.accepted: Counter = CALLS.labels(TENANT_NAMES.get(entry.tenant_id), entry.kind, "accepted")
        # Always two comparisons: how many secrets are valid must not be told by the time taken.
        self._hashes = (*entry.secret_hashes, _NO_DIGEST, _NO_DIGEST)[:2]

    def has_secret(self, offered: bytes | None) -> bool:
        """Whether `offered` is one of the valid secrets. An endpoint without one takes none: empty means disabled."""
        digest = sha256(offered or b"").digest()
        first, second = self._hashes
        is_first, is_second = compare_digest(digest, first), compare_digest(digest, second)
        is_valid = (is_first or is_second) and bool(offered) and bool(self.entry.secret_hashes)
        if is_second and is_valid:
            self.note_previous()
        return is_valid


def make_known_endpoint(
    entry: DirectoryEntry, keys: DirectoryKeys, token_hash: bytes, note_previous: Callable[[bytes], None]
) -> KnownEndpoint:
    """`note_previous` is told the token's hash of an endpoint that is called with the secret before its newest.

    An inline endpoint whose secrets do not open takes no call (it has no key) and says so in the log."""
    inline = None
    if entry.sealed_inline is not None:
        try:
            inline = open_inline_secrets(keys, token_hash, entry.sealed_inline)
        except (SealingError, ValueError, KeyError):
            log.error("receiver.inline_secrets_unreadable", tenant=entry.tenant_id,
                      todo="is ENDPOINT_TOKEN_KEY the same for the receiver and for who publishes?")  # fmt: skip
    return KnownEndpoint(entry, inline, partial(note_previous, token_hash))


def spend_refusal(offered: bytes | None) -> None:
    """The work of `has_secret` for a token that has no endpoint, so that the time taken does not tell it."""
    digest = sha256(offered or b"").digest()
    compare_digest(digest, _NO_DIGEST)
    compare_digest(digest, _NO_DIGEST)
