"""ETags: a thing's revision. `If-Match` on a change says for which one it is meant; without it any will do."""

import re

from app.api.call import Call
from app.core.errors import PreconditionFailedError

_ETAG = re.compile(r'"r([0-9]{1,9})"', re.ASCII)


def write_etag(revision: int) -> str:
    return f'"r{revision}"'


def read_if_match(call: Call) -> int | None:
    """The revision that the change is meant for; None for any. Raises PreconditionFailedError for another ETag: it
    names no state that there could be."""
    if call.if_match is None or call.if_match.strip() == "*":
        return None
    match = _ETAG.fullmatch(call.if_match.strip())
    if match is None:
        raise PreconditionFailedError("If-Match is no ETag of this address: read it again, then change it.")
    return int(match[1])
