"""The second step of a tenant's deletion: a code that only this installation can make, for this state of this tenant.

`{expiry, hex}-{16 hex digits}`: HMAC-SHA-256 over tenant, revision and expiry. Nothing is stored; any change of the
tenant ends it.
"""

import hmac
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from app.core.errors import AcequiaError
from app.core.settings import Settings

VALID_S = 600
_MAC_DIGITS = 16


class DeletionCodeError(AcequiaError):
    """The code is not for this tenant as it stands now, or it is too old: ask for another."""

    code = "deletion_code"
    http_status = 409


class DeletionCode(NamedTuple):
    code: str
    expires_at: datetime


def make_deletion_code(settings: Settings, tenant_id: int, revision: int, now: datetime) -> DeletionCode:
    """A code that is good for VALID_S."""
    expires_at = (now + timedelta(seconds=VALID_S)).replace(microsecond=0)
    return DeletionCode(_sign(settings, tenant_id, revision, int(expires_at.timestamp())), expires_at)


def check_deletion_code(settings: Settings, tenant_id: int, revision: int, code: str, now: datetime) -> None:
    """Raises DeletionCodeError for any other than a code made for this tenant and revision within VALID_S."""
    told = code.partition("-")[0]
    try:
        expires = int(told, 16) if len(told) <= _MAC_DIGITS else -1
    except ValueError:
        expires = -1
    is_ours = expires >= 0 and hmac.compare_digest(
        _sign(settings, tenant_id, revision, expires).encode(), code.encode()
    )
    if not is_ours or datetime.fromtimestamp(expires, UTC) < now:
        raise DeletionCodeError("This code is not for this tenant as it stands now, or it is too old.")


def _sign(settings: Settings, tenant_id: int, revision: int, expires: int) -> str:
    key = hmac.digest(settings.get_url("tenant_token_key").encode(), b"acequia deletion code v1", "sha256")
    mac = hmac.digest(key, f"{tenant_id}|{revision}|{expires}".encode(), "sha256")
    return f"{expires:x}-{mac.hex()[:_MAC_DIGITS]}"
