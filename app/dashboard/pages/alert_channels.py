"""Channels: who is told of alerts; made by kind, tested, switched off, rotated, deleted."""

from collections.abc import Mapping
from typing import Any

from app.core.errors import FieldProblem, InvalidInputError, NotFoundError
from app.dashboard.confirm import confirm
from app.dashboard.inputs import ModelT, make_model
from app.dashboard.page import Go, Page, Subject, View
from app.dashboard.pages.alert_owner import choose, find_owner, link_to, make_view, name_page
from app.dashboard.visit import Visit
from app.services import alert_channels
from app.services.alert_rules import list_rules
from schemas.alerts import ChannelChange, IssuedChannel, NewChannel

KINDS = ("email", "slack", "webhook", "apprise")


async def show_list(visit: Visit) -> View:
    channels = await alert_channels.list_channels(visit.office, find_owner(visit))
    return make_view(visit, "channels", channels=channels, kinds=KINDS)


async def show_new(visit: Visit) -> View:
    kind = visit.query("kind")
    if kind not in KINDS:
        raise NotFoundError("There is no such kind of channel.")
    return make_view(visit, "channel_new", kind=kind, rules=_list_rules(visit), form=visit.form, chosen=_chosen(visit))


async def create(visit: Visit) -> View:
    kind, owner = visit.query("kind"), find_owner(visit)
    wanted = _make_form(NewChannel, {"kind": kind, **_read_fields(visit, kind)})
    made = await alert_channels.create_channel(visit.office, owner, wanted, actor=visit.actor)
    return show_issued(visit, made, is_new=True)


async def show_one(visit: Visit) -> View:
    channel = await alert_channels.get_channel(visit.office, find_owner(visit), visit.uuid("channel_id"))
    chosen = _chosen(visit) if visit.problem else set(channel.rules or ())
    return make_view(
        visit, "channel", channel=channel, rules=_list_rules(visit), form=visit.form, chosen=chosen, tested=None
    )


async def act_on_one(visit: Visit) -> Go | View:
    office, owner, channel_id, what = visit.office, find_owner(visit), visit.uuid("channel_id"), visit.form.get("do")
    back = link_to(visit, "channel", channel_id=channel_id)
    if what == "test":
        told = await alert_channels.send_test(office, owner, channel_id, actor=visit.actor)
        view = await show_one(visit)
        return view._replace(data={**view.data, "tested": told})
    if what == "rotate":
        made = await alert_channels.rotate_channel_secret(office, owner, channel_id, actor=visit.actor)
        return show_issued(visit, made, is_new=False)
    if what in {"enable", "disable"}:
        change = ChannelChange(is_enabled=what == "enable")
        await alert_channels.change_channel(office, owner, channel_id, change, actor=visit.actor)
        return Go(back, "alerts.channel_on" if what == "enable" else "alerts.channel_off")
    held = await alert_channels.get_channel(office, owner, channel_id)
    change = _make_form(ChannelChange, _read_fields(visit, held.kind))
    await alert_channels.change_channel(office, owner, channel_id, change, actor=visit.actor)
    return Go(back, "alerts.channel_changed")


async def show_delete(visit: Visit) -> View:
    channel = await alert_channels.get_channel(visit.office, find_owner(visit), visit.uuid("channel_id"))
    return confirm(
        visit, title=visit.t("alerts.delete_title", name=channel.name),
        says=[visit.t("alerts.delete_says", target=channel.target), visit.t("alerts.delete_effect")], can_undo=False,
        button=visit.t("alerts.delete"), back=link_to(visit, "channel", channel_id=channel.channel_id),
    )  # fmt: skip


async def delete(visit: Visit) -> Go:
    await alert_channels.delete_channel(visit.office, find_owner(visit), visit.uuid("channel_id"), actor=visit.actor)
    return Go(link_to(visit, "channels"), "alerts.channel_deleted")


def show_issued(visit: Visit, made: IssuedChannel, *, is_new: bool) -> View:
    """What was made, with its secret, this once: a page that is not kept and not found again."""
    return make_view(visit, "channel_made", channel=made, is_new=is_new)


def _read_fields(visit: Visit, kind: str) -> Mapping[str, Any]:
    """As the API takes them. An address that is left empty is not named: on a change it stays."""
    form = visit.form
    fields: dict[str, Any] = {
        "name": form.get("name", ""), "min_severity": form.get("min_severity", "warning"),
        "rules": visit.form_list("rules") or None,
    }  # fmt: skip
    told = form.get("target", "").strip()
    if told and kind == "email":
        fields["to"] = told.replace(",", " ").replace(";", " ").split()
    elif told:
        fields["url"] = told
    return fields


def _make_form(kind: type[ModelT], values: Mapping[str, Any]) -> ModelT:
    """One field takes all addresses: what is wrong with the third is told there."""
    try:
        return make_model(kind, values)
    except InvalidInputError as error:
        raise InvalidInputError(
            *(FieldProblem("/to", one.detail) if one.pointer.startswith("/to/") else one for one in error.problems)
        ) from None


def _chosen(visit: Visit) -> set[str]:
    return set(visit.form_list("rules"))


def _list_rules(visit: Visit) -> list[str]:
    return [rule.name for rule in list_rules(find_owner(visit))]


def _make(*, is_platform: bool) -> tuple[Page, ...]:
    base = ("/alerts" if is_platform else "/tenants/{tenant_id:int}/alerts") + "/channels"
    subject: Subject = "platform" if is_platform else "tenant"
    reads, writes = choose("alerts:read", is_platform=is_platform), choose("alerts:write", is_platform=is_platform)
    one = f"{base}/{{channel_id}}"

    def name(page: str) -> str:
        return name_page(page, is_platform=is_platform)

    return (
        Page(name("channels"), base, subject, reads, show_list),
        Page(name("channel_new"), f"{base}/new", subject, writes, show_new, create),
        Page(name("channel"), one, subject, reads, show_one, act_on_one, writes),
        Page(name("channel_delete"), f"{one}/delete", subject, writes, show_delete, delete),
    )


PAGES = (*_make(is_platform=False), *_make(is_platform=True))
