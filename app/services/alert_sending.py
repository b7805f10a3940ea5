"""One message to one channel, by its kind. Whatever fails is said in a sentence without address or secret."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from app.core.metrics import ALERT_DELIVERIES
from app.core.settings import Settings
from app.core.signatures import decode_signing_secret, sign
from app.core.targets import Reply, TargetCaller, TargetRefusedError
from app.services.alert_apprise import send_by_apprise
from app.services.alert_mail import send_mail
from app.services.alert_messages import Message
from app.services.alert_targets import Goal
from db.alert_channels import ChannelKind

_LATER = {408, 425, 429}  # beside all of 5xx: what may be taken later
_TEXT_MAX = 2_900  # characters of a Slack block's text


class Outcome(NamedTuple):
    """`failure` None: it was taken. `can_retry`: it may be taken later."""

    failure: str | None = None
    can_retry: bool = False


class Sender:
    """Made once per process; `aclose` at the end."""

    def __init__(self, settings: Settings, caller: TargetCaller | None = None) -> None:
        """`caller`: of web addresses; one by the settings if not said."""
        self._settings = settings
        self._caller = caller or TargetCaller(
            timeout_s=settings.alert_send_timeout_s, is_private_allowed=settings.alert_private_targets
        )

    async def aclose(self) -> None:
        await self._caller.aclose()

    async def send(self, kind: ChannelKind, goal: Goal, message: Message, message_id: str) -> Outcome:
        """`message_id`: the same for each try. Raises nothing that sending can meet."""
        outcome = await self._send(kind, goal, message, message_id)
        ALERT_DELIVERIES.labels(kind, "sent" if outcome.failure is None else "failed").inc()
        return outcome

    async def _send(self, kind: ChannelKind, goal: Goal, message: Message, message_id: str) -> Outcome:
        if kind == "email":
            refused = await send_mail(self._settings, goal.to, message, message_id)
            return Outcome() if refused is None else Outcome(*refused)
        if kind == "apprise":
            failure = await send_by_apprise(self._settings, goal.url, message)
            return Outcome(failure, can_retry=failure is not None)
        now = datetime.now(UTC)
        if kind == "slack":
            body, headers = orjson.dumps(make_slack_body(message)), {}
        else:
            body = orjson.dumps(make_webhook_body(message, now))
            headers = sign_headers(goal.list_valid_secrets(now), message_id, now, body)
        try:
            reply = await self._caller.post(goal.url, {**headers, **_HEADERS}, body)
        except TargetRefusedError as error:
            return Outcome(str(error), can_retry=False)
        return _judge(reply)


_HEADERS = {"Content-Type": "application/json", "User-Agent": "acequia-alerts/1"}


def make_webhook_body(message: Message, now: datetime) -> dict[str, Any]:
    """As docs/alerts.md describes it: type, time and data, the form that Standard Webhooks recommends."""
    return {"type": f"alert.{message.kind}", "timestamp": now.isoformat(), "data": message.data}


def make_slack_body(message: Message) -> dict[str, Any]:
    """`text` for those that know nothing else, with an attachment as Slack, Mattermost and Rocket.Chat show it."""
    attachment: dict[str, Any] = {
        "color": message.colour,
        "title": _escape(message.title),
        "text": _escape(message.text)[:_TEXT_MAX],
        "fields": [{"title": _escape(label), "value": _escape(text), "short": False} for label, text in message.lines],
    }
    if message.url:
        attachment["title_link"] = message.url
    return {"text": _escape(message.subject), "attachments": [attachment]}


def sign_headers(secrets: Sequence[str], message_id: str, now: datetime, body: bytes) -> dict[str, str]:
    """Of Standard Webhooks: a signature by each valid secret, the newest first."""
    seconds = int(now.timestamp())
    signatures = [sign(decode_signing_secret(secret), message_id, seconds, body) for secret in secrets]
    return {
        "webhook-id": message_id, "webhook-timestamp": str(seconds), "webhook-signature": " ".join(signatures),
    }  # fmt: skip


def _judge(reply: Reply) -> Outcome:
    if reply.is_taken:
        return Outcome()
    if reply.failure is not None:
        return Outcome(reply.failure, can_retry=True)
    return Outcome(f"answered {reply.status}", can_retry=reply.status in _LATER or reply.status >= 500)


def _escape(text: str) -> str:
    """What Slack would read as a link or a mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
