"""Alerts by Apprise, an optional extra: `uv pip install 'acequia[apprise]'`.

Of its many services only those that go to a fixed place of their own on the internet are allowed: others run programs,
write files, or call whatever host stands in the address, which would be a way into our network.
"""

import asyncio
import logging
from contextlib import suppress
from urllib.parse import urlsplit

from app.core.settings import Settings
from app.services.alert_messages import Message

NOT_INSTALLED = "Apprise is not installed here: whoever runs Acequia adds its extra `apprise`."
FIXED_PLACES = frozenset({
    "discord", "gchat", "pagerduty", "pbul", "pover", "opsgenie", "signl4", "slack", "splunk", "tgram", "twilio",
    "whatsapp", "wxteams",
})  # fmt: skip
# The host is in the address: only where private targets are allowed.
OWN_PLACES = frozenset({
    "gotify", "gotifys", "json", "jsons", "matrix", "matrixs", "mmost", "mmosts", "ntfy", "ntfys", "rocket", "rockets",
})  # fmt: skip


async def load_apprise() -> None:
    """Its first use reads a hundred modules, which is too long for an event loop. Nothing where it is not installed."""

    def load() -> None:
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # its lines may hold what a service answered
        with suppress(ImportError):
            import apprise  # noqa: PLC0415 - an optional extra

            apprise.Apprise.instantiate("json://localhost", suppress_exceptions=True)

    await asyncio.to_thread(load)


def find_apprise_problem(url: str, *, is_private_allowed: bool) -> str | None:
    """Why this address is not taken, in words without it; None when it is."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "is no address of Apprise"
    allowed = FIXED_PLACES | (OWN_PLACES if is_private_allowed else frozenset())
    if parts.scheme.lower() not in allowed:
        return f"must be of a service that goes to a fixed place: {', '.join(sorted(allowed))}"
    if "?" in url or "#" in url or not url.isprintable() or " " in url:
        # Options may name files to be read as templates, or switch the check of certificates off.
        return "must hold no options behind a question mark"
    try:
        import apprise  # noqa: PLC0415 - an optional extra
    except ImportError:
        return NOT_INSTALLED
    return None if apprise.Apprise.instantiate(url, suppress_exceptions=True) else "is no address that Apprise can read"


async def send_by_apprise(settings: Settings, url: str, message: Message) -> str | None:
    """Why it was not taken, in words without the address; None when it was."""
    await load_apprise()
    problem = find_apprise_problem(url, is_private_allowed=settings.alert_private_targets)
    if problem is not None:
        return problem
    import apprise  # noqa: PLC0415 - an optional extra

    asset = apprise.AppriseAsset(secure_logging=True, async_mode=False, plugin_paths=[])
    sender = apprise.Apprise(asset=asset)
    # The one service that was looked at: given as text, what stands behind a comma would be services of their own.
    service = apprise.Apprise.instantiate(url, asset=asset)
    if service is None:
        return "is no address that Apprise can read"
    sender.add(service)
    kind = {"closed": "success", "test": "info"}.get(message.kind, "failure")
    try:
        async with asyncio.timeout(settings.alert_send_timeout_s):
            is_taken = await asyncio.to_thread(
                sender.notify, body=message.as_text, title=message.subject, notify_type=kind, body_format="text"
            )
    except TimeoutError:
        return f"no answer within {settings.alert_send_timeout_s:g} s"
    except Exception as error:  # its services raise whatever they like
        return f"Apprise failed ({type(error).__name__})"
    return None if is_taken else "the service did not take it"
