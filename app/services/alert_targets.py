"""Where a channel's messages go: checked, sealed for its row, and opened again. Never shown whole: an address may be a
secret, and e-mail addresses are somebody's."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

import orjson

from app.core.errors import FieldProblem, InvalidInputError
from app.core.sealing import TenantKeys
from app.core.settings import Settings
from app.core.signatures import make_signing_secret
from app.core.targets import TargetRefusedError, check_target
from app.services.alert_apprise import find_apprise_problem
from app.services.alert_mail import find_mail_problem
from app.services.masking import mask_email
from db.alert_channels import ChannelKind, ChannelRow

ROTATION = timedelta(days=1)  # for so long messages are signed with the secret before, too
_PURPOSE = "alert_channel.v1"


class Goal(NamedTuple):
    """`to`: of an e-mail channel; `url`: of the others. `secrets`: of a signed webhook, newest first. `rotated_at`:
    when the newest was made, if there was one before."""

    to: Sequence[str] = ()
    url: str = ""
    secrets: Sequence[str] = ()
    rotated_at: datetime | None = None

    def list_valid_secrets(self, now: datetime) -> Sequence[str]:
        """Those that messages are signed with now, newest first."""
        is_over = self.rotated_at is None or now - self.rotated_at >= ROTATION
        return self.secrets[:1] if is_over else self.secrets

    def rotate(self, now: datetime) -> "Goal":
        return self._replace(secrets=[make_signing_secret(), *self.secrets[:1]], rotated_at=now)


def make_goal(settings: Settings, kind: ChannelKind, to: Sequence[str] | None, url: str | None) -> Goal:
    """A new one, with its secret where messages are signed. Raises InvalidInputError; it never repeats a value."""
    if kind == "email":
        if url is not None:
            raise InvalidInputError(FieldProblem("/url", "is not of an e-mail channel: it has `to`"))
        if not to:
            raise InvalidInputError(FieldProblem("/to", "is missing: the e-mail addresses"))
        problem = find_mail_problem(settings)
        if problem is not None:
            raise InvalidInputError(FieldProblem("/kind", problem))
        return Goal(to=list(dict.fromkeys(to)))
    if to is not None:
        raise InvalidInputError(FieldProblem("/to", "is of e-mail channels alone: this one has `url`"))
    if not url:
        raise InvalidInputError(FieldProblem("/url", "is missing: where messages are posted"))
    problem = _find_problem(settings, kind, url)
    if problem is not None:
        raise InvalidInputError(FieldProblem("/url", problem))
    return Goal(url=url, secrets=[make_signing_secret()] if kind == "webhook" else [])


def seal_goal(keys: TenantKeys, channel_id: UUID, goal: Goal) -> bytes:
    return keys.seal(_PURPOSE, str(channel_id), orjson.dumps(goal._asdict()))


def open_goal(keys: TenantKeys, row: ChannelRow) -> Goal:
    """Raises SealingError."""
    opened = Goal(**orjson.loads(keys.open(_PURPOSE, str(row.channel_id), row.sealed)))
    since = opened.rotated_at
    return opened if since is None else opened._replace(rotated_at=datetime.fromisoformat(str(since)).astimezone(UTC))


def describe_goal(kind: ChannelKind, goal: Goal) -> str:
    """Enough to recognise it: masked addresses, or the host; of Apprise the service."""
    if kind == "email":
        return ", ".join(mask_email(address) for address in goal.to)
    parts = urlsplit(goal.url)
    return f"{parts.scheme}://…" if kind == "apprise" else f"{parts.scheme}://{parts.netloc}/…"


def _find_problem(settings: Settings, kind: ChannelKind, url: str) -> str | None:
    if kind == "apprise":
        return find_apprise_problem(url, is_private_allowed=settings.alert_private_targets)
    try:
        check_target(url, is_private_allowed=settings.alert_private_targets)
    except TargetRefusedError as error:
        return str(error)
    return None
