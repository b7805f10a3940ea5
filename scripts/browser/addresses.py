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

# They choose for somebody where to go, or only act.
LEADS_ELSEWHERE = frozenset({"home", "session.sign_out", "session.choice"})
_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")


class Address(NamedTuple):
    """`path`: from the root on, with its query. `is_public`: to be looked at by nobody in particular."""

    name: str
    path: str
    is_public: bool


async def list_addresses(remote: Remote, pages: Sequence[Page] = PAGES) -> list[Address]:
    """Of all pages that show something. Raises KeyError for a page with a parameter that has no value here."""
    values = await find_values(remote)
    links = Links(tuple(pages))
    found = []
    for page in pages:
        if page.name in LEADS_ELSEWHERE:
            continue
        known = {**values[""], **values.get(page.name.partition(".")[0], {}), **values.get(page.name, {})}
        missing = [name for name in _PARAMETER.findall(page.path) if name not in known]
        if missing:
            raise KeyError(f"{page.name} needs {missing}, and scripts/browser/addresses.py does not say which")
        wanted = {name: known[name] for name in _PARAMETER.findall(page.path)}
        path = links.make(page.name, {**wanted, **values.get(f"{page.name}?", {})})
        found.append(Address(page.name, path, page.subject == "public"))
    return found


async def find_values(remote: Remote) -> Mapping[str, Mapping[str, Any]]:
    """Area or page → parameter → value; `""`: everywhere. A name with `?`: what goes into the query."""
    events = await remote.ask("GET", "/tenants/56/events", limit="200")
    letters = await remote.ask("GET", "/tenants/56/dead-letters", limit="1")
    going_on = await remote.ask("GET", "/tenants/57/sync-runs", limit="1")
    return {
        "": {
            "tenant_id": 56,
            "integration_id": "int_56_1",
            "event_id": next(one["event_id"] for one in events if one["outcome"] == "applied"),
        },
        "dead": {"event_id": letters[0]["event_id"]},
        "integrations": {"type": "vtex"},
        "syncs": {"tenant_id": 57, "run_id": going_on[0]["run_id"]},
        "workers": {"id": 56},
    }
