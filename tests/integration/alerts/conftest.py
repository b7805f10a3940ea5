"""Acme and globex at work, watched as the worker watches them; who is told: a real mail server and web server."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from app.core.settings import Settings
from app.services.alert_channels import create_channel
from app.services.alert_deliveries import Post, send_due
from app.services.alert_views import get_alert, list_open_alerts
from app.services.alerts import Round, evaluate_alerts
from app.services.audit import Actor
from app.services.office import PLATFORM_KEYS_ID, Office, open_office
from app.services.platform_alerts import evaluate_platform_alerts
from app.services.tenant_facts import read_all_facts
from schemas.alerts import Alert, AlertWithDeliveries, IssuedChannel, NewChannel
from scripts.stack.installation import read_settings_of
from scripts.stack.valkey import EmbeddedValkey
from tests.integration.receiver.support import Receiver, start_receiver
from tests.integration.sandbox.remote import Call
from tests.integration.workers.conftest import make_works, sandbox, sandbox_url, works
from tests.integration.workers.works import ACME, Works
from workers.context import DrainContext
from workers.main import build_context

__all__ = ["make_works", "sandbox", "sandbox_url", "works"]

CLI = Actor("cli", "test")
PLATFORM = PLATFORM_KEYS_ID


@dataclass
class MailServer:
    """Takes what it is sent, unless `answer` says something else."""

    url: str = ""
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    answer: str = "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name
        del server, session
        if self.answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            made = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(made, EmailMessage)
            self.mails.append(made)
            self.recipients.append(envelope.rcpt_tos)
        return self.answer


@dataclass
class WebServer:
    """Keeps what it is sent, and answers `status`."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    status: int = 200

    async def take(self, request: web.Request) -> web.Response:
        self.calls.append(Call(dict(request.headers), request.path, await request.read()))
        headers = {"Location": f"{self.url}/elsewhere"} if self.status in {302, 307} else {}
        return web.Response(status=self.status, text="thank you", headers=headers)


@dataclass
class Watch:
    """`after`: how much later it is than now, where time alone would change something."""

    works: Works
    office: Office
    mail: MailServer
    web: WebServer
    settings: Mapping[str, object]
    after: timedelta = timedelta(0)

    def worker(self, **settings: object) -> Any:
        return self.works.worker(**{**self.settings, **settings})

    @asynccontextmanager
    async def idle_worker(self) -> AsyncIterator[DrainContext]:
        """One that drains nothing."""
        async with AsyncExitStack() as resources:
            yield await build_context(self.works.settings(**self.settings), resources)

    async def look(self, context: DrainContext) -> Round:
        """A minute's round over all tenants, by facts that were read now."""
        now = datetime.now(UTC) + self.after
        facts = await read_all_facts(context.database, context.queue, context.settings)
        return await evaluate_alerts(context.database, context.settings, facts, now)

    async def look_at_platform(self, context: DrainContext) -> Round:
        return await evaluate_platform_alerts(context.database, context.settings, datetime.now(UTC) + self.after)

    async def send(self, context: DrainContext) -> int:
        return await send_due(Post(context.settings, context.database, context.keyring))

    async def open_names(self, tenant_id: int = ACME) -> list[str]:
        return sorted(alert.rule for alert in await list_open_alerts(self.office, tenant_id))

    async def find_open(self, rule: str, tenant_id: int = ACME) -> Alert:
        [alert] = [one for one in await list_open_alerts(self.office, tenant_id) if one.rule == rule]
        return alert

    async def get(self, alert_id: UUID, tenant_id: int = ACME) -> AlertWithDeliveries:
        return await get_alert(self.office, tenant_id, alert_id)

    async def add_channel(self, kind: str = "slack", tenant_id: int = ACME, **fields: Any) -> IssuedChannel:
        told = {"to": ["ana@example.org"]} if kind == "email" else {"url": f"{self.web.url}/{kind}"}
        wanted = NewChannel.model_validate({"kind": kind, "name": f"my {kind}", **told, **fields})
        return await create_channel(self.office, tenant_id, wanted, actor=CLI)

    async def set_tenant(self, tenant_id: int = ACME, **values: object) -> None:
        for name, value in values.items():
            await self.works.superuser.execute(f"UPDATE tenants SET {name} = $2 WHERE tenant_id = $1", tenant_id, value)

    async def set_limits(self, tenant_id: int = ACME, **limits: float) -> None:
        for name, value in limits.items():
            await self.works.superuser.execute(
                "UPDATE tenants SET settings = settings || jsonb_build_object($2::text, $3::numeric)"
                " WHERE tenant_id = $1",
                *(tenant_id, name, value),
            )

    async def set_integration(self, tenant_id: int = ACME, **values: object) -> None:
        for name, value in values.items():
            await self.works.superuser.execute(
                f"UPDATE tenant_integrations SET {name} = $2 WHERE tenant_id = $1 AND integration_id = 1",
                *(tenant_id, value),
            )


@pytest.fixture
async def mail() -> AsyncIterator[MailServer]:
    found = MailServer()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(found, hostname="mail.test", enable_SMTPUTF8=True), "127.0.0.1", 0
    )
    found.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield found
    server.close()
    await server.wait_closed()


@pytest.fixture
async def web_server() -> AsyncIterator[WebServer]:
    found = WebServer()
    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", found.take)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


@pytest.fixture
async def watch(works: Works, mail: MailServer, web_server: WebServer) -> AsyncIterator[Watch]:
    settings: dict[str, object] = {
        "alert_private_targets": True, "smtp_url": mail.url, "smtp_starttls": "off",
        "alert_mail_from": "Acequia <alerts@acequia.test>", "dashboard_url": "https://acequia.test/dashboard",
        "alert_retry_s": 0.001, "alert_send_timeout_s": 2,
    }  # fmt: skip
    async with AsyncExitStack() as resources:
        environment = works.installation.environment("web", **settings)
        office = await open_office(read_settings_of(environment), resources, application_name="test web")
        await office.keyring.create_tenant_keys(PLATFORM)
        yield Watch(works, office, mail, web_server, settings)


@pytest.fixture
async def receiver(works: Works, valkey: EmbeddedValkey, tmp_path: Path) -> AsyncIterator[Receiver]:
    key = works.installation.secrets["endpoint_token_key"]
    async with start_receiver(valkey.url, tmp_path / "receiver", endpoint_token_key=key) as receiver:
        yield receiver


@pytest.fixture
def make_watch(watch: Watch) -> Callable[..., Watch]:
    """The same under other settings of the web process."""

    def make(**settings: object) -> Watch:
        from dataclasses import replace

        changed: Settings = watch.office.settings.model_copy(update=settings)
        return replace(watch, office=replace(watch.office, settings=changed))

    return make
