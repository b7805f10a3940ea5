"""One tenant's page: what its people see, what only the platform may do, and its end in two steps."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from app.core.processes import WorkLog
from app.dashboard.viewer import CHOICE_COOKIE
from db.gaps import GapMark, set_gaps
from db.integrations import insert_integration
from tests.integration.api.conftest import Cast
from tests.integration.dashboard.conftest import ACME, GLOBEX, Browse
from tests.integration.dashboard.test_workers import append, start_worker

ADMIN = "platform_admin"
PAGE = f"/tenants/{ACME}"
Reader = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
def read_in(browse: Browse) -> Reader:
    """As `browse`, of somebody who chose English: without a choice a tenant's page speaks the tenant's language."""

    async def open_browser(tenant_id: int = 0, role: Any = ADMIN, language: str = "en") -> httpx.AsyncClient:
        browser = await browse(tenant_id, role)
        browser.cookies.set(CHOICE_COOKIE, f"language={language}")
        return browser

    return open_browser


async def test_an_analyst_sees_their_own_queue_and_nothing_that_changes_it(read_in: Reader, cast: Cast) -> None:
    work = WorkLog()
    await append(cast.office, ACME, 3)
    with work.track(ACME):
        worker = await start_worker(cast.office, work=work)
    page = (await (await read_in(ACME, "analyst")).get(PAGE)).text
    assert "<h1>acme</h1>" in page
    assert worker.process_id in page
    assert "Its turn comes" in page
    assert not re.search(r'href="[^"]*(/workers|/suspend|/delete|/pause)"', page)
    assert "globex" not in page


async def test_nobody_sees_another_tenants_page(read_in: Reader) -> None:
    for role in ("owner", "analyst"):
        assert (await (await read_in(GLOBEX, role)).get(PAGE)).status_code == 404


async def test_an_auditor_sees_limits_and_no_integrations(read_in: Reader, cast: Cast) -> None:
    async with cast.office.database.tenant_tx(ACME, "test") as connection:
        await insert_integration(connection, ACME, 1, connector="vtex", account="acmestore")
    page = (await (await read_in(ACME, "auditor")).get(PAGE)).text
    assert "acmestore" not in page
    assert "API calls today" in page
    assert "acmestore" in (await (await read_in(ACME, "analyst")).get(PAGE)).text


async def test_limits_gaps_and_the_accounts_budget_are_shown(read_in: Reader, cast: Cast) -> None:
    office = cast.office
    async with office.database.tenant_tx(ACME, "test") as connection:
        await insert_integration(connection, ACME, 1, connector="vtex", account="acmestore")
        await set_gaps(connection, ACME, [GapMark(1, "orders", datetime(2026, 11, 1, tzinfo=UTC), "refused_calls")])
    await office.cache.hset(  # type: ignore[misc]
        "budget:vtex:acmestore",
        mapping={"calls": 10, "at_us": 9_999_999_999_999_999, "share": 0.5, "share_at_us": 9_999_999_999_999_999},
    )
    page = (await (await read_in(ACME, "owner")).get(PAGE)).text
    assert "Calls that could not be taken" in page
    assert "acmestore · since" in page
    assert "10 of 833 free now" in page
    assert "syncs slowed to 50 %" in page
    assert "100,000" in page, "the limit of customers of a business tenant"
    auditor = (await (await read_in(ACME, "auditor")).get(PAGE)).text
    assert "int_56_1 · since" in auditor
    assert "acmestore" not in auditor


async def test_open_alerts_are_shown_with_what_to_do(read_in: Reader, superuser: Any) -> None:
    for tenant_id, rule in ((ACME, "customers_over"), (GLOBEX, "storage")):
        await superuser.execute(
            "INSERT INTO alerts (tenant_id, alert_id, rule, severity, opened_at, last_seen_at, value, threshold)"
            " VALUES ($1, gen_random_uuid(), $2, 'critical', now(), now(), 120, 100)", tenant_id, rule,
        )  # fmt: skip
    page = (await (await read_in(ACME, "auditor")).get(PAGE)).text
    assert page.count('<span class="badge bad">') == 1
    assert "Open alerts" in page
    assert "Critical" in page


async def test_events_that_nobody_drains_are_said_with_what_to_do(read_in: Reader, cast: Cast) -> None:
    await append(cast.office, ACME)
    owner = (await (await read_in(ACME, "owner")).get(PAGE)).text
    assert "no worker takes them" in owner
    assert "WORKER_GROUP" not in owner, "a tenant's people cannot start one"
    assert "WORKER_GROUP=shared" in (await (await read_in(role=ADMIN)).get(PAGE)).text


async def test_a_tenant_is_suspended_with_a_reason_and_activated_again(read_in: Reader) -> None:
    admin, owner = await read_in(role=ADMIN), await read_in(ACME, "owner")
    assert (await owner.get(f"{PAGE}/suspend")).status_code == 403
    assert (await owner.post(f"{PAGE}/suspend", data={"reason": "x"})).status_code == 403
    assert "can be undone" in (await admin.get(f"{PAGE}/suspend")).text
    assert (await admin.post(f"{PAGE}/suspend", data={"reason": ""})).status_code == 422
    assert (await admin.post(f"{PAGE}/suspend", data={"reason": "unpaid"})).status_code == 303
    page = (await owner.get(PAGE)).text
    assert "This brand is suspended" in page
    assert "Reason: unpaid." in page
    again = await admin.post(f"{PAGE}/suspend", data={"reason": "unpaid"})
    assert again.status_code == 409
    assert (await admin.post(f"{PAGE}/activate")).status_code == 303
    assert "This brand is suspended" not in (await owner.get(PAGE)).text


async def test_a_trial_that_is_over_is_activated_for_more_days(read_in: Reader, superuser: Any) -> None:
    await superuser.execute(
        "UPDATE tenants SET type = 'trial', trial_ends_at = now() - interval '1 day', status = 'expired'"
        " WHERE tenant_id = $1", ACME,
    )  # fmt: skip
    admin = await read_in(role=ADMIN)
    assert 'name="days"' in (await admin.get(f"{PAGE}/activate")).text
    assert (await admin.post(f"{PAGE}/activate", data={"days": "soon"})).status_code == 422
    assert (await admin.post(f"{PAGE}/activate")).status_code == 409
    assert (await admin.post(f"{PAGE}/activate", data={"days": "14"})).status_code == 303
    assert "The trial ends" in (await admin.get(PAGE)).text


async def test_a_tenant_is_deleted_in_two_steps_by_its_name_and_kept_after_all(read_in: Reader, superuser: Any) -> None:
    owner, other = await read_in(ACME, "owner"), await read_in(ACME, "admin")
    assert (await other.get(f"{PAGE}/delete")).status_code == 403

    async def find_status() -> str:
        return str(await superuser.fetchval("SELECT status FROM tenants WHERE tenant_id = $1", ACME))

    first = (await owner.get(f"{PAGE}/delete")).text
    assert "0 customers, all orders" in first
    assert "For 30 days it can be kept" in first
    second = await owner.post(f"{PAGE}/delete")
    [code] = re.findall(r'name="code" value="([^"]+)"', second.text)
    assert await find_status() == "active"
    wrong = await owner.post(f"{PAGE}/delete", data={"code": code, "name": "globex"})
    assert (wrong.status_code, await find_status()) == (422, "active")
    forged = await owner.post(f"{PAGE}/delete", data={"code": "0-0", "name": "acme"})
    assert (forged.status_code, await find_status()) == (409, "active")
    done = await owner.post(f"{PAGE}/delete", data={"code": code, "name": "acme"})
    assert (done.status_code, await find_status()) == (303, "deleting")
    page = (await owner.get(PAGE)).text
    assert "being deleted" in page
    assert f"{PAGE}/keep" in page
    assert (await owner.post(f"{PAGE}/keep")).status_code == 303
    assert await find_status() == "suspended"


@pytest.mark.parametrize("language", ["es", "pt", "en"])
async def test_every_page_of_it_speaks_the_viewers_language(read_in: Reader, language: str) -> None:
    admin = await read_in(role=ADMIN, language=language)
    for path in (PAGE, f"{PAGE}/suspend", f"{PAGE}/activate", f"{PAGE}/delete", f"{PAGE}/keep"):
        answer = await admin.get(path)
        assert answer.status_code == 200, path
        assert "<script>" not in answer.text
