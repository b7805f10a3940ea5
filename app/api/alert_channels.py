"""Channels of alerts, of a tenant and of the platform; and backups, which are watched."""

from app.api.alerts import TAG, choose, find_owner
from app.api.call import Call
from app.api.operation import Operation, Result, Subject, TenantPlace
from app.core.errors import ConflictError
from app.services import alert_channels
from app.services.backups import list_backups, report_backup
from schemas.alerts import (
    BackupReport,
    Channel,
    ChannelChange,
    ChannelTest,
    IssuedChannel,
    NewBackupReport,
    NewChannel,
)
from schemas.api import Envelope, Page


async def get_channels(call: Call) -> Result:
    return Result(Page(data=await alert_channels.list_channels(call.office, find_owner(call))))


async def post_channel(call: Call) -> Result:
    made = await alert_channels.create_channel(
        call.office, find_owner(call), call.get_body(NewChannel), actor=call.actor
    )
    return Result(Envelope(data=made), object_id=str(made.channel_id))


async def get_channel(call: Call) -> Result:
    shown = await alert_channels.get_channel(call.office, find_owner(call), call.get_uuid("channel_id"))
    return Result(Envelope(data=shown))


async def put_channel(call: Call) -> Result:
    shown = await alert_channels.change_channel(
        call.office, find_owner(call), call.get_uuid("channel_id"), call.get_body(ChannelChange), actor=call.actor
    )
    return Result(Envelope(data=shown))


async def delete_channel(call: Call) -> Result:
    shown = await alert_channels.delete_channel(
        call.office, find_owner(call), call.get_uuid("channel_id"), actor=call.actor
    )
    return Result(Envelope(data=shown))


async def post_test(call: Call) -> Result:
    told = await alert_channels.send_test(call.office, find_owner(call), call.get_uuid("channel_id"), actor=call.actor)
    return Result(Envelope(data=told))


async def post_rotation(call: Call) -> Result:
    shown = await alert_channels.rotate_channel_secret(
        call.office, find_owner(call), call.get_uuid("channel_id"), actor=call.actor
    )
    return Result(Envelope(data=shown), object_id=str(shown.channel_id))


async def get_backups(call: Call) -> Result:
    return Result(Page(data=await list_backups(call.office)))


async def post_backup(call: Call) -> Result:
    report = await report_backup(call.office, call.get_body(NewBackupReport), actor=call.actor)
    return Result(Envelope(data=report), object_id=str(report.report_id))


def _make(*, is_platform: bool) -> tuple[Operation, ...]:
    prefix = "/platform" if is_platform else "/tenants/{tenant_id:int}"
    word = "platform_" if is_platform else ""
    subject: Subject = "platform" if is_platform else "tenant"
    place: TenantPlace | None = None if is_platform else "path"
    reads, writes = (choose(permission, is_platform=is_platform) for permission in ("alerts:read", "alerts:write"))
    channels = f"{prefix}/alerts/channels"
    one = f"{channels}/{{channel_id}}"
    return (
        Operation(
            f"list_{word}alert_channels", "GET", channels, subject, reads,
            "Who is told of alerts, and how that goes; where messages go is not shown whole", TAG, get_channels,
            Page[Channel], tenant_in=place,
        ),
        Operation(
            f"create_{word}alert_channel", "POST", channels, subject, writes,
            "Tell somebody of alerts: by e-mail, a Slack-compatible webhook, a signed webhook or Apprise", TAG,
            post_channel, Envelope[IssuedChannel], 201, place, body=NewChannel, problems=(ConflictError,),
            shows_secret=True,
            description="`to` of an e-mail channel, `url` of all others. A signed webhook's `secret` is shown this "
            "once. Addresses must be https and on the internet.",
        ),
        Operation(
            f"get_{word}alert_channel", "GET", one, subject, reads, "One channel", TAG, get_channel, Envelope[Channel],
            tenant_in=place,
        ),
        Operation(
            f"change_{word}alert_channel", "PUT", one, subject, writes,
            "Change a channel in part, switch it off or on", TAG, put_channel, Envelope[Channel], tenant_in=place,
            body=ChannelChange,
        ),
        Operation(
            f"delete_{word}alert_channel", "DELETE", one, subject, writes,
            "Delete a channel; what waits for it is not sent", TAG, delete_channel, Envelope[Channel], tenant_in=place,
        ),
        Operation(
            f"test_{word}alert_channel", "POST", f"{one}/test", subject, writes,
            "Send one message now, and say what happened", TAG, post_test, Envelope[ChannelTest], tenant_in=place,
        ),
        Operation(
            f"rotate_{word}alert_channel_secret", "POST", f"{one}/rotate", subject, writes,
            "Another secret, shown this once; for a day messages are signed with both", TAG, post_rotation,
            Envelope[IssuedChannel], tenant_in=place, problems=(ConflictError,), shows_secret=True,
        ),
    )  # fmt: skip


CHANNELS, PLATFORM_CHANNELS = _make(is_platform=False), _make(is_platform=True)
OPERATIONS = (
    *CHANNELS,
    *PLATFORM_CHANNELS,
    Operation(
        "list_backups", "GET", "/platform/backups", "platform", "platform:admin",
        "Backups that were reported, newest first", TAG, get_backups, Page[BackupReport],
    ),
    Operation(
        "report_backup", "POST", "/platform/backups", "platform", "platform:admin",
        "Report a backup that was made, or verified: a missing one is an alert", TAG, post_backup,
        Envelope[BackupReport], 201, body=NewBackupReport,
    ),
)  # fmt: skip
