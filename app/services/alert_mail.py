"""E-mail about alerts, by the operator's own mail server (SMTP_URL)."""

import asyncio
import smtplib
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from app.core.errors import ConfigurationError
from app.core.settings import Settings
from app.services.alert_messages import Message


class MailRefused(NamedTuple):
    """Why a message was not taken, in words without an address. `can_retry`: it may be taken later."""

    failure: str
    can_retry: bool


def find_mail_problem(settings: Settings) -> str | None:
    """Why no e-mail can be sent here; None when it can."""
    if settings.smtp_url is None or not settings.alert_mail_from:
        return "This installation sends no e-mails: whoever runs it sets SMTP_URL and ALERT_MAIL_FROM."
    return None


async def send_mail(settings: Settings, to: Sequence[str], message: Message, message_id: str) -> MailRefused | None:
    """None when the server has taken it for everybody. A time-out leaves the thread to end by itself."""
    problem = find_mail_problem(settings)
    if problem is not None:
        return MailRefused(problem, can_retry=True)
    try:
        async with asyncio.timeout(settings.alert_send_timeout_s + 1):
            return await asyncio.to_thread(_send, settings, list(to), make_mail(settings, to, message, message_id))
    except TimeoutError:
        return MailRefused("the mail server does not answer", can_retry=True)


def make_mail(settings: Settings, to: Sequence[str], message: Message, message_id: str) -> EmailMessage:
    """Text and HTML. `message_id`: the same for each try, so that readers see a repeated one once."""
    mail = EmailMessage()
    sender = settings.alert_mail_from or ""
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Subject"] = " ".join(message.subject.split())
    mail["Date"] = format_datetime(datetime.now(UTC))
    domain = parseaddr(sender)[1].rpartition("@")[2] or None
    mail["Message-ID"] = f"<{message_id}@{domain}>" if domain else make_msgid()
    mail["Auto-Submitted"] = "auto-generated"  # so that no absence assistant answers
    mail.set_content(message.as_text)
    mail.add_alternative(message.as_html, subtype="html")
    return mail


def read_smtp_url(settings: Settings) -> SplitResult:
    """Raises ConfigurationError naming SMTP_URL."""
    parts = urlsplit(settings.get_url("smtp_url"))
    try:
        is_read = parts.scheme in {"smtp", "smtps"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_read = False
    if not is_read:
        raise ConfigurationError("SMTP_URL reads smtp://user:password@host:port or smtps://…")
    return parts


def _send(settings: Settings, to: list[str], mail: EmailMessage) -> MailRefused | None:
    try:
        with _connect(settings) as server:
            refused = server.send_message(mail, to_addrs=to)
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        return MailRefused(f"no recipient was accepted ({codes[0]})", can_retry=any(code < 500 for code in codes))
    except smtplib.SMTPAuthenticationError:
        return MailRefused("the mail server refuses our user and password", can_retry=True)
    except smtplib.SMTPNotSupportedError:
        return MailRefused("the mail server offers no TLS or login: see SMTP_STARTTLS", can_retry=True)
    except smtplib.SMTPResponseException as error:
        return MailRefused(f"the mail server answered {error.smtp_code}", can_retry=error.smtp_code < 500)
    except (smtplib.SMTPException, OSError, ConfigurationError) as error:
        return MailRefused(f"the mail server does not take it ({type(error).__name__})", can_retry=True)
    if refused:  # some were accepted: sent again, those would have it twice
        return MailRefused(f"{len(refused)} of {len(to)} recipients were not accepted", can_retry=False)
    return None


def _connect(settings: Settings) -> smtplib.SMTP:
    parts, timeout_s = read_smtp_url(settings), settings.alert_send_timeout_s
    host = parts.hostname or ""
    server: smtplib.SMTP
    if parts.scheme == "smtps":
        server = smtplib.SMTP_SSL(host, parts.port or 465, timeout=timeout_s, context=ssl.create_default_context())
    else:
        server = smtplib.SMTP(host, parts.port or 587, timeout=timeout_s)
        server.ehlo()
        is_offered = server.has_extn("starttls")
        if settings.smtp_starttls == "required" or (settings.smtp_starttls == "offered" and is_offered):
            server.starttls(context=ssl.create_default_context())
            server.ehlo()
    if parts.username:
        server.login(unquote(parts.username), unquote(parts.password or ""))
    return server
