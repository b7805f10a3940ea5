"""`acequia alerts`: what is open, who is told, and what somebody does about it; of a tenant or of the platform."""

import os
from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer

from app.core.errors import NotFoundError
from app.services import alert_channels, alert_views
from app.services.office import Office
from schemas.alerts import Alert, IssuedChannel, NewChannel, RuleChange, Snooze
from scripts.cli.office import PlatformOption, TenantPlace, find_actor, find_place, make_form, open_operator_office
from scripts.cli.session import CommandError, JsonOption, run, show_json
from scripts.cli.tables import show_rows

app = typer.Typer(no_args_is_help=True, help="Alerts of a tenant, or of the platform with --platform.")
channels = typer.Typer(no_args_is_help=True, help="Who is told of alerts.")
app.add_typer(channels, name="channels")

AlertOption = typer.Option("--alert", metavar="ALERT", help="The alert's id.")
ChannelOption = typer.Option("--channel", metavar="CHANNEL", help="The channel's id.")
PAGE = 1_000
COLUMNS = ("alert_id", "state", "severity", "title", "opened_at", "closed_at", "repeats", "acknowledged_by")
RULE_COLUMNS = ("rule", "severity", "is_enabled", "threshold", "closes_at", "unit", "default_threshold")
CHANNEL_COLUMNS = ("channel_id", "kind", "name", "target", "status", "min_severity", "failures", "last_failure")


@app.command("list")
def list_command(
    tenant_id: Annotated[int | None, TenantPlace] = None,
    is_platform: Annotated[bool, PlatformOption] = False,
    shows_closed: Annotated[bool, typer.Option("--closed", help="Those that were, newest first.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=PAGE, help="Alerts shown.")] = 50,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Open alerts, the critical first."""

    async def work() -> None:
        async with open_operator_office() as office:
            owner = await _find_owner(office, tenant_id, is_platform=is_platform)
            if shows_closed:
                found = (await alert_views.list_alerts(office, owner, "closed", lines)).data
            else:
                found = (await alert_views.list_open_alerts(office, owner))[:lines]
        show_rows(found, COLUMNS, as_json=as_json, empty="No alerts.")

    run(work)


@app.command("ack")
def ack_command(
    alert_id: Annotated[str, AlertOption],
    tenant_id: Annotated[int | None, TenantPlace] = None,
    is_platform: Annotated[bool, PlatformOption] = False,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Somebody looks after it: it is not told again."""

    async def work() -> None:
        async with open_operator_office() as office:
            owner = await _find_owner(office, tenant_id, is_platform=is_platform)
            shown = await alert_views.acknowledge_alert(office, owner, _read_id(alert_id), actor=find_actor())
        _show(shown, "is acknowledged", as_json=as_json)

    run(work)


@app.command("snooze")
def snooze_command(
    *,
    alert_id: Annotated[str, AlertOption],
    tenant_id: Annotated[int | None, TenantPlace] = None,
    is_platform: Annotated[bool, PlatformOption] = False,
    minutes: Annotated[int | None, typer.Option(help="From now.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Until then, in UTC.")] = None,
    ends: Annotated[bool, typer.Option("--end", help="Messages go on.")] = False,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """No messages about it until then."""

    async def work() -> None:
        async with open_operator_office() as office:
            owner, found = await _find_owner(office, tenant_id, is_platform=is_platform), _read_id(alert_id)
            if ends:
                shown = await alert_views.unsnooze_alert(office, owner, found, actor=find_actor())
            else:
                told = {} if until is None else {"until": f"{until.isoformat()}+00:00"}
                form = make_form(Snooze, **told, **({} if minutes is None else {"minutes": minutes}))
                shown = await alert_views.snooze_alert(office, owner, found, form, actor=find_actor())
        _show(shown, f"is snoozed until {shown.snoozed_until}" if shown.snoozed_until else "is told", as_json=as_json)

    run(work)


@app.command("rules")
def rules_command(
    *,
    tenant_id: Annotated[int | None, TenantPlace] = None,
    is_platform: Annotated[bool, PlatformOption] = False,
    rule: Annotated[str | None, typer.Option(help="To be changed.")] = None,
    threshold: Annotated[float | None, typer.Option(help="Another than the default.")] = None,
    is_off: Annotated[bool, typer.Option("--off", help="Switch it off.")] = False,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """What alerts are opened by; with --rule, changes one."""

    async def work() -> None:
        async with open_operator_office() as office:
            owner = await _find_owner(office, tenant_id, is_platform=is_platform)
            if rule is not None:
                change = make_form(RuleChange, is_enabled=not is_off, threshold=threshold)
                await alert_views.change_alert_rule(office, owner, rule, change, actor=find_actor())
            rows = await alert_views.list_alert_rules(office, owner)
        show_rows(rows, RULE_COLUMNS, as_json=as_json, empty="No rules.")

    run(work)


@channels.command("list")
def list_channels_command(
    tenant_id: Annotated[int | None, TenantPlace] = None,
    is_platform: Annotated[bool, PlatformOption] = False,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Who is told, and how that goes."""

    async def work() -> None:
        async with open_operator_office() as office:
            owner = await _find_owner(office, tenant_id, is_platform=is_platform)
            rows = await alert_channels.list_channels(office, owner)
        show_rows(rows, CHANNEL_COLUMNS, as_json=as_json, empty="Nobody is told: acequia alerts channels create.")

    run(work)


@channels.command("create")
def create_channel_command(
    *,
    kind: Annotated[str, typer.Option(help="email, slack, webhook or apprise.")],
    name: Annotated[str, typer.Option(help="What it is called.")],
    tenant_id: Annotated[int | None, TenantPlace] = None,
    is_platform: Annotated[bool, PlatformOption] = False,
    to: Annotated[list[str] | None, typer.Option(help="An e-mail address; may be given several times.")] = None,
    severity: Annotated[str, typer.Option("--min-severity", help="warning or critical.")] = "warning",
    rules: Annotated[list[str] | None, typer.Option("--rule", help="Only these.")] = None,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Tells somebody of alerts. The address of a webhook, which may be a secret, is asked for, or comes from
    ACEQUIA_CHANNEL_URL."""

    async def work() -> None:
        url = None if kind == "email" else _ask_url()
        form = make_form(NewChannel, kind=kind, name=name, to=to or None, url=url, min_severity=severity, rules=rules)
        async with open_operator_office() as office:
            owner = await _find_owner(office, tenant_id, is_platform=is_platform)
            made = await alert_channels.create_channel(office, owner, form, actor=find_actor())
        _show_issued(made, as_json=as_json)

    run(work)


@channels.command("test")
def try_channel_command(
    channel_id: Annotated[str, ChannelOption],
    tenant_id: Annotated[int | None, TenantPlace] = None,
    is_platform: Annotated[bool, PlatformOption] = False,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Sends one message now and says what happened; exits 1 when it was not taken."""

    async def work() -> None:
        async with open_operator_office() as office:
            owner = await _find_owner(office, tenant_id, is_platform=is_platform)
            told = await alert_channels.send_test(office, owner, _read_id(channel_id), actor=find_actor())
        if as_json:
            show_json(told.model_dump(mode="json"))
        elif told.is_taken:
            typer.echo(f"The message was taken, within {told.took_ms} ms.")
        if not told.is_taken:
            raise CommandError(f"The message was not taken: {told.failure}.")

    run(work)


@channels.command("rotate")
def rotate_channel_command(
    channel_id: Annotated[str, ChannelOption],
    tenant_id: Annotated[int | None, TenantPlace] = None,
    is_platform: Annotated[bool, PlatformOption] = False,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Another secret of a signed webhook, shown this once; for a day messages are signed with both."""

    async def work() -> None:
        async with open_operator_office() as office:
            owner = await _find_owner(office, tenant_id, is_platform=is_platform)
            made = await alert_channels.rotate_channel_secret(office, owner, _read_id(channel_id), actor=find_actor())
        _show_issued(made, as_json=as_json)

    run(work)


@channels.command("delete")
def delete_channel_command(
    channel_id: Annotated[str, ChannelOption],
    tenant_id: Annotated[int | None, TenantPlace] = None,
    is_platform: Annotated[bool, PlatformOption] = False,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """What waits for it is not sent; where it went is forgotten."""

    async def work() -> None:
        async with open_operator_office() as office:
            owner = await _find_owner(office, tenant_id, is_platform=is_platform)
            gone = await alert_channels.delete_channel(office, owner, _read_id(channel_id), actor=find_actor())
        show_json(gone.model_dump(mode="json")) if as_json else typer.echo(f"The channel {gone.name} is deleted.")

    run(work)


async def _find_owner(office: Office, tenant_id: int | None, *, is_platform: bool) -> int:
    return (await find_place(office, tenant_id, None, is_platform=is_platform)).scope_id


def _read_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFoundError("There is nothing under this id.") from None


def _ask_url() -> str:
    return os.environ.get("ACEQUIA_CHANNEL_URL") or str(typer.prompt("Address", hide_input=True))


def _show(alert: Alert, what: str, *, as_json: bool) -> None:
    show_json(alert.model_dump(mode="json")) if as_json else typer.echo(f"The alert “{alert.title}” {what}.")


def _show_issued(made: IssuedChannel, *, as_json: bool) -> None:
    if as_json:
        show_json(made.model_dump(mode="json"))
        return
    typer.echo(f"The channel {made.channel_id} ({made.name}, {made.kind}).")
    if made.secret:
        typer.echo(f"What messages are signed with, shown this once:\n\n  {made.secret}\n")
