"""How this installation is set and what it runs on. Secrets are shown as set or not set, nowhere what they are."""

from app.dashboard.page import Page, View
from app.dashboard.visit import Visit
from app.services.installation_facts import list_settings, list_versions


async def show_installation(visit: Visit) -> View:
    settings = list_settings(visit.office.settings)
    data = {
        "versions": await list_versions(visit.office), "changed": [one for one in settings if one.is_changed],
        "defaults": [one for one in settings if not one.is_changed],
    }  # fmt: skip
    return View("settings/platform.html", data)


PAGES = (Page("settings.platform", "/settings", "platform", "platform:admin", show_installation),)
