"""Messages by each kind of channel, through a real mail server and a real web server; and channels that fail."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from app.core.errors import ConflictError, InvalidInputError, NotFoundError, RateLimitedError
from app.core.signatures import decode_signing_secret, make_signing_secret, verify
from app.services.alert_apprise import send_by_apprise
from app.services.alert_channels import (
    change_channel,
    delete_channel,
    get_channel,
    list_channels,
    rotate_channel_secret,
    send_test,
)
from app.services.alert_messages import make_test_message
from app.services.alert_targets import Goal, make_goal
from app.services.alert_texts import Reader
from schemas.alerts import ChannelChange
from tests.integration.alerts.conftest import CLI, PLATFORM, Watch
from tests.integration.sandbox.remote import Call
from tests.integration.workers.works import ACME, GLOBEX
from workers.context import DrainContext

HOUR = timedelta(hours=1)


async def refuse_credentials(watch: Watch, context: DrainContext, tenant_id: int = ACME) -> None:
    """Something to tell of."""
    await watch.set_integration(tenant_id, status="credentials_refused")
    await watch.look(context)


async def recover(watch: Watch, context: DrainContext, tenant_id: int = ACME) -> None:
    await watch.set_integration(tenant_id, status="active")
    await watch.look(context)


def check_signature(call: Call, *secrets: str) -> datetime | None:
    """As any receiver of Standard Webhooks does."""
    headers = {name.lower(): value for name, value in call.headers.items()}
    return verify(
        [decode_signing_secret(secret) for secret in secrets], message_id=headers["webhook-id"],
        timestamp=headers["webhook-timestamp"], signatures=headers["webhook-signature"], body=call.body,
        now_s=datetime.now(UTC).timestamp(), tolerance_s=60,
    )  # fmt: skip


async def test_an_email_has_text_and_html_in_the_tenants_language_with_a_link(watch: Watch) -> None:
    await watch.add_channel("email", to=["ana@example.org", "ben@example.org"])
    await watch.add_channel("email", GLOBEX)
    await watch.set_limits(GLOBEX)
    await watch.works.superuser.execute(
        f'UPDATE tenants SET settings = \'{{"language": "pt", "timezone": "America/Sao_Paulo"}}\','
        f" name = '<b>Globex & Söhne</b>' WHERE tenant_id = {GLOBEX}"
    )
    async with watch.idle_worker() as context:
        for tenant_id in (ACME, GLOBEX):
            await refuse_credentials(watch, context, tenant_id)
        assert await watch.send(context) == 2
    mails = {str(mail["Subject"]): mail for mail in watch.mail.mails}
    spanish = mails[f"[Alerta] acme: Credenciales rechazadas: vtex {watch.works.accounts[ACME]}"]
    portuguese = mails[f"[Alerta] <b>Globex & Söhne</b>: Credenciais recusadas: vtex {watch.works.accounts[GLOBEX]}"]
    assert ["ana@example.org", "ben@example.org"] in watch.mail.recipients
    alert = await watch.find_open("credentials_refused")
    link = f"https://acequia.test/dashboard/tenants/{ACME}/alerts/{alert.alert_id}"
    text, html = spanish.get_body(("plain",)), spanish.get_body(("html",))
    assert text is not None
    assert html is not None
    for part in (text.get_content(), html.get_content()):
        assert "Desde" in part
        assert "Cargar credenciales nuevas" in part
        assert link in part
    shown = portuguese.get_body(("html",))
    assert shown is not None
    assert "&lt;b&gt;Globex &amp; Söhne" in shown.get_content()
    assert "<script" not in shown.get_content()
    assert str(spanish["Message-ID"]).endswith("@acequia.test>")
    assert spanish["Auto-Submitted"] == "auto-generated"


async def test_a_signed_webhook_can_be_verified_and_says_what_programs_need(watch: Watch) -> None:
    made = await watch.add_channel("webhook")
    assert made.secret is not None
    async with watch.idle_worker() as context:
        await refuse_credentials(watch, context)
        await watch.send(context)
    [call] = watch.web.calls
    assert check_signature(call, made.secret) is not None
    assert check_signature(call._replace(body=call.body + b" "), made.secret) is None
    assert check_signature(call, make_signing_secret()) is None
    told = call.json
    assert set(told) == {"type", "timestamp", "data"}
    assert told["type"] == "alert.opened"
    expected = {"rule": "credentials_refused", "severity": "critical", "tenant_id": ACME, "tenant": "acme"}
    expected |= {"integration_id": f"int_{ACME}_1", "action": "renew_credentials", "repeats": 0}
    assert expected.items() <= told["data"].items()


async def test_after_a_rotation_messages_are_signed_with_both_secrets_for_a_day(watch: Watch) -> None:
    made = await watch.add_channel("webhook")
    rotated = await rotate_channel_secret(watch.office, ACME, made.channel_id, actor=CLI)
    assert made.secret
    assert rotated.secret
    assert (rotated.secret != made.secret, rotated.secrets_valid) == (True, 2)
    assert (await send_test(watch.office, ACME, made.channel_id, actor=CLI)).is_taken
    [call] = watch.web.calls
    assert check_signature(call, made.secret)
    assert check_signature(call, rotated.secret)
    assert call.json["type"] == "alert.test"
    now = datetime.now(UTC)
    goal = Goal(url="u", secrets=[rotated.secret, made.secret], rotated_at=now)
    assert goal.list_valid_secrets(now + 23 * HOUR) == [rotated.secret, made.secret]
    assert goal.list_valid_secrets(now + 25 * HOUR) == [rotated.secret]
    slack = await watch.add_channel("slack")
    assert slack.secret is None
    with pytest.raises(ConflictError):
        await rotate_channel_secret(watch.office, ACME, slack.channel_id, actor=CLI)


async def test_a_slack_message_shows_nobodys_markup(watch: Watch) -> None:
    await watch.add_channel("slack")
    await watch.set_tenant(name="<!channel> & <https://evil.example|acme>")
    async with watch.idle_worker() as context:
        await refuse_credentials(watch, context)
        await watch.send(context)
    [call] = watch.web.calls
    assert "webhook-signature" not in {name.lower() for name in call.headers}
    told = call.json
    assert "&lt;!channel&gt; &amp; &lt;https" in told["text"]
    assert "<" not in call.body.decode()
    [attachment] = told["attachments"]
    assert attachment["title_link"].startswith("https://acequia.test/dashboard/tenants/56/alerts/")
    assert [field["title"] for field in attachment["fields"]] == ["Desde", "Gravedad", "Qué hacer"]


async def test_apprise_sends_by_its_services(watch: Watch) -> None:
    host = watch.web.url.removeprefix("http://")
    made = await watch.add_channel("apprise", url=f"json://{host}/by-apprise")
    assert made.target == "json://…"
    async with watch.idle_worker() as context:
        await refuse_credentials(watch, context)
        assert await watch.send(context) == 1
    [call] = watch.web.calls
    assert call.path == "/by-apprise"
    assert call.json["title"].startswith("[Alerta] acme")
    watch.web.status = 500
    tested = await send_test(watch.office, ACME, made.channel_id, actor=CLI)
    assert (tested.is_taken, tested.failure) == (False, "the service did not take it")


@pytest.mark.parametrize(
    "url",
    ["exec://rm", "file:///etc/passwd", "syslog://", "dbus://", "windows://", "json://10.0.0.1/", "ntfy://host/topic",
     "tgram://123456789:abcdefg_hijklmnop/123/?format=html", "msteams://x/y/z/?template=/etc/passwd", "nothing",
     "slack://"],
)  # fmt: skip
async def test_apprise_takes_only_services_of_a_fixed_place_and_no_options(watch: Watch, url: str) -> None:
    settings = watch.office.settings.model_copy(update={"alert_private_targets": False})
    with pytest.raises(InvalidInputError) as refused:
        make_goal(settings, "apprise", None, url)
    assert "passwd" not in str(refused.value)
    good = make_goal(settings, "apprise", None, "tgram://123456789:abcdefg_hijklmnop-qrstuvwxyzABCDEFG/12315544/")
    assert good.url.startswith("tgram://")


async def test_what_stands_behind_a_comma_is_no_service_of_its_own(watch: Watch) -> None:
    """Apprise takes a text as a list of services: the second was never looked at."""
    host = watch.web.url.removeprefix("http://")
    message = make_test_message(ACME, "both", "acme", Reader("en", ZoneInfo("UTC")), datetime.now(UTC))
    await send_by_apprise(watch.office.settings, f"json://{host}/first,json://{host}/second", message)
    assert "/second" not in [call.path for call in watch.web.calls]
    await send_by_apprise(watch.office.settings, f"json://{host}/alone", message)
    assert watch.web.calls[-1].path == "/alone"


async def test_a_channel_that_fails_is_tried_again_shown_and_holds_up_nobody(watch: Watch) -> None:
    bad = await watch.add_channel("email")
    await watch.add_channel("webhook")
    watch.mail.answer = "451 not now, ana@example.org"
    async with watch.idle_worker() as context:
        await refuse_credentials(watch, context)
        assert await watch.send(context) == 1
        assert len(watch.web.calls) == 1
        shown = await get_channel(watch.office, ACME, bad.channel_id)
        assert (shown.status, shown.failures, shown.last_failure) == ("failing", 1, "the mail server answered 451")
        for _ in range(4):
            await make_due(watch)
            await watch.send(context)
        shown = await get_channel(watch.office, ACME, bad.channel_id)
        assert (shown.status, shown.failures) == ("failing", 5)
        watch.mail.answer = "250 OK"
        await make_due(watch)
        assert await watch.send(context) == 1
        shown = await get_channel(watch.office, ACME, bad.channel_id)
        assert (shown.status, shown.failures) == ("working", 0)
        assert shown.last_failure == "the mail server answered 451", "what went wrong last stays to be seen"
    assert len(watch.mail.mails) == 1
    alert = await watch.find_open("credentials_refused")
    told = {one.channel_kind: (one.state, one.tries) for one in (await watch.get(alert.alert_id)).deliveries}
    assert told == {"email": ("sent", 6), "webhook": ("sent", 1)}


async def make_due(watch: Watch) -> None:
    """The pause before the next try is over."""
    await watch.works.superuser.execute("UPDATE alert_deliveries SET due_at = now() WHERE state = 'waiting'")


async def test_a_message_is_given_up_after_its_last_try_and_the_recovery_goes_on(watch: Watch) -> None:
    await watch.add_channel("webhook")
    watch.web.status = 503
    async with watch.idle_worker() as context:
        await refuse_credentials(watch, context)
        alert = await watch.find_open("credentials_refused")
        await recover(watch, context)
        for _ in range(6):
            await make_due(watch)
            await watch.send(context)
        assert [call.json["type"] for call in watch.web.calls] == ["alert.opened"] * 6
        assert len({call.headers["webhook-id"] for call in watch.web.calls}) == 1, "the same message under the same id"
        watch.web.status = 200
        await make_due(watch)
        await watch.send(context)
    told = [(one.occasion, one.state, one.failure) for one in (await watch.get(alert.alert_id)).deliveries]
    assert told == [("opened", "failed", "answered 503"), ("closed", "sent", None)]


@pytest.mark.parametrize(("status", "failure"), [(400, "answered 400"), (404, "answered 404"), (302, "answered 302")])
async def test_what_will_never_be_taken_is_not_tried_again_and_no_redirect_is_followed(
    watch: Watch, status: int, failure: str
) -> None:
    await watch.add_channel("webhook")
    watch.web.status = status
    async with watch.idle_worker() as context:
        await refuse_credentials(watch, context)
        await watch.send(context)
        await make_due(watch)
        await watch.send(context)
    assert [call.path for call in watch.web.calls] == ["/webhook"]
    alert = await watch.find_open("credentials_refused")
    [told] = (await watch.get(alert.alert_id)).deliveries
    assert (told.state, told.failure) == ("failed", failure)


async def test_a_channel_that_is_switched_off_or_deleted_gets_nothing_more(watch: Watch) -> None:
    off, gone = await watch.add_channel("webhook"), await watch.add_channel("slack")
    async with watch.idle_worker() as context:
        await refuse_credentials(watch, context)
        await change_channel(watch.office, ACME, off.channel_id, ChannelChange(is_enabled=False), actor=CLI)
        await delete_channel(watch.office, ACME, gone.channel_id, actor=CLI)
        assert await watch.send(context) == 0
        assert await watch.send(context) == 0
    assert watch.web.calls == []
    alert = await watch.find_open("credentials_refused")
    told = (await watch.get(alert.alert_id)).deliveries
    assert {(one.channel_name, one.state) for one in told} == {("my webhook", "dropped"), ("my slack", "dropped")}
    assert [one.status for one in await list_channels(watch.office, ACME)] == ["off"]
    sealed = "SELECT sealed FROM alert_channels WHERE deleted_at IS NOT NULL"
    assert await watch.works.superuser.fetchval(sealed) is None


async def test_a_test_says_at_once_what_happened(watch: Watch) -> None:
    mail = await watch.add_channel("email", is_enabled=False)
    assert (await send_test(watch.office, ACME, mail.channel_id, actor=CLI)).is_taken
    assert str(watch.mail.mails[0]["Subject"]) == "[Prueba] acme"
    watch.mail.answer = "554 no"
    told = await send_test(watch.office, ACME, mail.channel_id, actor=CLI)
    assert (told.is_taken, told.failure) == (False, "the mail server answered 554")
    assert (await get_channel(watch.office, ACME, mail.channel_id)).failures == 1
    with pytest.raises(NotFoundError):
        await send_test(watch.office, GLOBEX, mail.channel_id, actor=CLI)
    for _ in range(3):
        await send_test(watch.office, ACME, mail.channel_id, actor=CLI)
    with pytest.raises(RateLimitedError):
        await send_test(watch.office, ACME, mail.channel_id, actor=CLI)


async def test_another_channel_gives_no_more_tests_than_a_tenant_has(watch: Watch) -> None:
    """Who makes and deletes channels in turn would flood somebody else's mailbox through our server."""
    for _ in range(20):
        made = await watch.add_channel("webhook")
        await send_test(watch.office, ACME, made.channel_id, actor=CLI)
        await delete_channel(watch.office, ACME, made.channel_id, actor=CLI)
    refused = 0
    for _ in range(10):  # slow machines earn a test or two meanwhile
        made = await watch.add_channel("webhook")
        try:
            await send_test(watch.office, ACME, made.channel_id, actor=CLI)
        except RateLimitedError:
            refused += 1
        await delete_channel(watch.office, ACME, made.channel_id, actor=CLI)
    assert refused
    other = await watch.add_channel("webhook", GLOBEX)
    assert (await send_test(watch.office, GLOBEX, other.channel_id, actor=CLI)).is_taken


async def test_the_platform_has_channels_of_its_own(watch: Watch) -> None:
    made = await watch.add_channel("webhook", PLATFORM)
    assert (await send_test(watch.office, PLATFORM, made.channel_id, actor=CLI)).is_taken
    assert watch.web.calls[0].json["data"]["tenant_id"] is None
    assert [one.channel_id for one in await list_channels(watch.office, PLATFORM)] == [made.channel_id]
    assert await list_channels(watch.office, ACME) == []


async def test_where_messages_go_stands_nowhere_in_the_clear(watch: Watch) -> None:
    await watch.add_channel("email", to=["xochitl.canary@example.org"])
    made = await watch.add_channel("webhook", url=f"{watch.web.url}/canarypath")
    assert made.secret
    await change_channel(watch.office, ACME, made.channel_id, ChannelChange(name="other"), actor=CLI)
    shown = [channel.model_dump_json() for channel in await list_channels(watch.office, ACME)]
    rows: list[Any] = await watch.works.superuser.fetch("SELECT x::text FROM alert_channels AS x")
    rows += await watch.works.superuser.fetch("SELECT x::text FROM audit_entries AS x")
    everything = " ".join([*shown, *(row[0] for row in rows)])
    for canary in ("xochitl", "canarypath", made.secret):
        assert canary not in everything
        assert b64encode(canary.encode()).decode() not in everything
    assert "x…@e….org" in everything
    assert made.target == f"{watch.web.url}/…"
    assert "secret" not in orjson.loads(shown[1])


async def test_a_change_keeps_what_it_does_not_name_and_the_secret(watch: Watch) -> None:
    made = await watch.add_channel("webhook", rules=["storage"], min_severity="critical")
    assert made.secret
    change = ChannelChange(url=f"{watch.web.url}/new", rules=None)
    changed = await change_channel(watch.office, ACME, made.channel_id, change, actor=CLI)
    assert (changed.rules, changed.min_severity, changed.name) == (None, "critical", "my webhook")
    assert (await send_test(watch.office, ACME, made.channel_id, actor=CLI)).is_taken
    assert watch.web.calls[0].path == "/new"
    assert check_signature(watch.web.calls[0], made.secret)
    with pytest.raises(InvalidInputError):
        await change_channel(watch.office, ACME, made.channel_id, ChannelChange(to=["a@example.org"]), actor=CLI)
    with pytest.raises(NotFoundError):
        await change_channel(watch.office, GLOBEX, made.channel_id, change, actor=CLI)


async def test_there_are_so_many_channels_and_no_more(watch: Watch) -> None:
    for _ in range(watch.office.settings.alert_channels_max):
        await watch.add_channel("slack")
    with pytest.raises(ConflictError):
        await watch.add_channel("slack")
    await watch.add_channel("slack", GLOBEX)


async def test_an_installation_without_a_mail_server_says_so(watch: Watch) -> None:
    settings = watch.office.settings.model_copy(update={"smtp_url": None})
    with pytest.raises(InvalidInputError, match="SMTP_URL"):
        make_goal(settings, "email", ["ana@example.org"], None)
