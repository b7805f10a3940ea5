"""`Idempotency-Key` on POST: the same call under the same key is carried out once, and answered the same again.

The first call writes its key before it does anything; its answer is kept sealed for IDEMPOTENCY_HOURS. A call that
was refused changed nothing and is forgotten. One that ended in a fault of ours may have been done: as one whose process
died, it stays in progress, and a repeat may take it up after IDEMPOTENCY_TAKEOVER_S. An answer that showed a secret is
not kept: the repeat is told what was made.
"""

import re
from hashlib import sha256
from typing import NamedTuple

import orjson
from starlette.responses import Response

from app.core.errors import (
    AcequiaError,
    AnswerNotKeptError,
    CallInProgressError,
    ConflictError,
    FieldProblem,
    InvalidInputError,
)
from app.services.office import Office
from app.services.permissions import Principal
from db.idempotent_calls import begin_call, end_call, find_call, forget_call

HEADER = "Idempotency-Key"
PURPOSE = "api_answer.v1"
_KEY = re.compile(r"[!-~]{1,255}")
_KEPT_HEADERS = ("etag", "location", "content-type")


class CallKey(NamedTuple):
    actor: str
    key_hash: bytes
    fingerprint: bytes

    @property
    def natural_key(self) -> str:
        return f"{self.actor}|{self.key_hash.hex()}"


def read_call_key(
    key: str | None, principal: Principal | None, method: str, target: str, body: bytes
) -> CallKey | None:
    """None when the header was not sent. `target`: path and query. Raises InvalidInputError for a wrong one."""
    if key is None or principal is None:
        return None
    if not _KEY.fullmatch(key):
        raise InvalidInputError(FieldProblem(f"/{HEADER}", "is not 1 to 255 visible ASCII characters"))
    fingerprint = sha256(f"{method} {target}\n".encode() + body).digest()
    return CallKey(f"{principal.kind}:{principal.id}", sha256(key.encode()).digest(), fingerprint)


async def begin(office: Office, key: CallKey) -> Response | None:
    """None: go on. Else the answer of the first call. Raises ConflictError for a key used for another call,
    CallInProgressError, AnswerNotKeptError."""
    async with office.database.platform_tx("begin_call") as connection:
        settings = office.settings
        if await begin_call(
            connection, *key, hours_kept=settings.idempotency_hours, takeover_s=settings.idempotency_takeover_s
        ):
            return None
        known = await find_call(connection, key.actor, key.key_hash)
    if known is None:
        raise CallInProgressError("The first call with this Idempotency-Key has just ended: try again.")
    if known.fingerprint != key.fingerprint:
        raise ConflictError("This Idempotency-Key was used for another call: make a new one for each.")
    if known.status is None:
        raise CallInProgressError(
            "The first call with this Idempotency-Key has not ended, or in a fault of ours: look whether it was done."
        )
    if known.sealed_answer is None:
        raise AnswerNotKeptError("This was done already; its answer showed a secret and was not kept.", known.object_id)
    keys = await office.get_platform_keys()
    kept = orjson.loads(keys.open(PURPOSE, key.natural_key, known.sealed_answer))
    headers = {**kept["headers"], "Idempotent-Replayed": "true"}
    return Response(kept["content"], status_code=known.status, headers=headers)


async def end(office: Office, key: CallKey, response: Response, *, object_id: str | None, shows_secret: bool) -> None:
    """Keeps the answer of a call that succeeded."""
    sealed = None
    if not shows_secret:
        keys = await office.get_platform_keys()
        headers = {name: value for name, value in response.headers.items() if name in _KEPT_HEADERS}
        content = orjson.dumps({"headers": headers, "content": bytes(response.body).decode()})
        sealed = keys.seal(PURPOSE, key.natural_key, content)
    async with office.database.platform_tx("end_call") as connection:
        await end_call(
            connection, key.actor, key.key_hash, status=response.status_code, object_id=object_id, sealed_answer=sealed
        )


def has_changed_nothing(error: Exception) -> bool:
    """Whether it is certain: our own refusals are raised before anything is committed; after anything else, a
    connection that was lost at the commit too, nobody knows."""
    return isinstance(error, AcequiaError) and error.http_status < 500


async def forget(office: Office, key: CallKey) -> None:
    """The call was refused: nothing was done, and the same key may be used again."""
    async with office.database.platform_tx("forget_call") as connection:
        await forget_call(connection, key.actor, key.key_hash)
