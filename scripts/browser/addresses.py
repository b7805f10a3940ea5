"""Where each page of the dashboard is in the demo: the frame's own list, with ids of what is there to be looked at.

A page that needs an id nobody knows of raises: a new page says here what it is to be looked at with.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from app.dashboard.links import Links
from app.dashboard.page import Page
from app.dashboard.pages import PAGES
from scripts.browser.scene import Remote

# They choose for somebody where to go, only act, or give a file.
NOTHING_TO_SEE = frozenset({"home", "session.sign_out", "session.choice", "events.export"})
# The same page with something else on it: name → page, and what goes into its address.
FURTHER: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "events.list.waiting": ("events.list", {"tenant_id": 59, "view": "waiting"}),
    "events.list.failed": ("events.list", {"view": "failed"}),
    "events.list.nothing": ("events.list", {"q": "nothing-is-called-so"}),
    "tenant.show.refused": ("tenant.show", {"tenant_id": 59}),
    "tenant.show.trial": ("tenant.show", {"tenant_id": 60}),
    "dead.list.none": ("dead.list", {"tenant_id": 60}),
    "dead.bulk.discard": ("dead.bulk", {"action": "discard"}),
}
RECORD_PAGES = ("", "_reveal", "_fetch")
_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")


class Address(NamedTuple):
    """`path`: from the root on, with its query. `is_public`: to be looked at by nobody in particular."""

    name: str
    path: str
    is_public: bool


def list_names(pages: Sequence[Page] = PAGES) -> list[str]:
    """Of what can be looked at."""
    known = [page.name for page in pages if page.name not in NOTHING_TO_SEE]
    return known + [name for name, (page, _) in FURTHER.items() if page in known]


async def list_addresses(remote: Remote, pages: Sequence[Page] = PAGES) -> list[Address]:
    """Of all that can be looked at. Raises KeyError for a page with a parameter that has no value here."""
    values = await find_values(remote)
    links, by_name = Links(tuple(pages)), {page.name: page for page in pages}
    found = []
    for name in list_names(pages):
        page_name, further = FURTHER.get(name, (name, {}))
        page = by_name[page_name]
        known = {**values[""], **values.get(page_name.partition(".")[0], {}), **values.get(page_name, {}), **further}
        missing = [one for one in _PARAMETER.findall(page.path) if one not in known]
        if missing:
            raise KeyError(f"{name} needs {missing}, and scripts/browser/addresses.py does not say which")
        wanted = {one: known[one] for one in _PARAMETER.findall(page.path)}
        path = links.make(page_name, {**values.get(f"{page_name}?", {}), **further, **wanted})
        found.append(Address(name, path, page.subject == "public"))
    return found


async def find_values(remote: Remote) -> Mapping[str, Mapping[str, Any]]:
    """Area or page → parameter → value; `""`: everywhere. A name with `?`: what goes into the query."""
    events = await remote.ask("GET", "/tenants/56/events", limit="200")
    letters = await remote.ask("GET", "/tenants/56/dead-letters", limit="1", status="waiting")
    operations = await remote.ask("GET", "/tenants/56/dead-letters/bulk", limit="1")
    orders = await remote.ask("GET", "/tenants/56/orders", limit="1")
    customers = await remote.ask("GET", "/tenants/56/customers", limit="1")
    going_on = await remote.ask("GET", "/tenants/57/sync-runs", limit="1")
    [organization, *_] = await remote.ask("GET", "/organizations")
    of_organization = {"organization_id": organization["organization_id"]}
    alerts = await remote.ask("GET", "/tenants/59/alerts", limit="1", state="open")
    channels = await remote.ask("GET", "/tenants/59/alerts/channels")
    platforms = await remote.ask("GET", "/platform/alerts", limit="1", state="open")
    of_platform = {"channel_id": (await remote.ask("GET", "/platform/alerts/channels"))[0]["channel_id"]}
    cause = {"integration": "int_56_1", "reason": "unmappable", "kind": "order", "field": "items[].price"}
    return {
        "": {
            "tenant_id": 56,
            "integration_id": "int_56_1",
            "event_id": next(one["event_id"] for one in events if one["outcome"] == "applied"),
        },
        "dead": {"event_id": letters[0]["event_id"], "operation_id": operations[0]["operation_id"]},
        "dead.group?": cause,
        "dead.bulk?": cause,
        "alerts": {
            "tenant_id": 59,
            "alert_id": alerts[0]["alert_id"],
            "channel_id": channels[0]["channel_id"],
        },
        "alerts.channel_new?": {"kind": "webhook"},
        "alerts.platform_channel_new?": {"kind": "email"},
        "alerts.platform_show": {"alert_id": platforms[0]["alert_id"]},
        "alerts.platform_channel": of_platform,
        "alerts.platform_channel_delete": of_platform,
        "integrations": {"type": "vtex"},
        **await find_access(remote, "", "/tenants/56", {}),
        **await find_access(
            remote, "organization_", f"/organizations/{organization['organization_id']}", of_organization
        ),
        **{f"keys.platform_{name}": value for name, value in (await find_keys(remote, "/platform")).items()},
        **{f"records.order{one}": {"record_id": orders[0]["id"]} for one in RECORD_PAGES},
        **{f"records.customer{one}": {"record_id": customers[0]["id"]} for one in RECORD_PAGES},
        "syncs": {"tenant_id": 57, "run_id": going_on[0]["run_id"]},
        "workers": {"id": 56},
    }


async def find_access(
    remote: Remote, word: str, prefix: str, where: Mapping[str, Any]
) -> Mapping[str, Mapping[str, Any]]:
    """Of the pages of people and keys of one place."""
    people = await remote.ask("GET", f"{prefix}/people")
    person = {"person_id": people[-1]["person_id"], **where}
    keys = {name: {**value, **where} for name, value in (await find_keys(remote, prefix)).items()}
    lists = {f"{area}.organization": where for area in ("people", "keys")} if where else {}
    return {
        **lists,
        **{f"people.{word}{name}": person for name in ("invite", "person", "remove")},
        **{f"keys.{word}{name}": value for name, value in keys.items()},
    }


async def find_keys(remote: Remote, prefix: str) -> Mapping[str, Mapping[str, Any]]:
    """The newest one of a place, for each page that is about one."""
    keys = await remote.ask("GET", f"{prefix}/keys")
    newest = max((one for one in keys if one["status"] == "active"), key=lambda one: str(one["created_at"]))
    return {name: {"key_id": newest["key_id"]} for name in ("new", "rotate", "retire", "revoke")}
