"""Where one arrives: the overview for who may see it, else the tenants that one works for."""

from app.dashboard.page import Go, Page, View
from app.dashboard.visit import Visit
from app.services.tenants import list_visible_tenants
from schemas.tenants import TenantsQuery

TENANTS_SHOWN = 100


async def show_home(visit: Visit) -> View | Go:
    if visit.has_page("overview.show"):
        return Go(visit.link("overview.show"))
    query = TenantsQuery()
    page = await list_visible_tenants(visit.office, visit.caller, query, TENANTS_SHOWN)
    if len(page.data) == 1 and visit.links.find("tenant.show") is not None:
        return Go(visit.link("tenant.show", tenant_id=page.data[0].id))
    return View("home/tenants.html", {"tenants": page.data})


PAGES = (Page("home", "/", "caller", None, show_home),)
