"""People and their roles in pages: invited with a code that is shown once, changed, removed; and the other end."""

import re
from typing import Any

import pytest

from app.services.office import Place
from app.services.people import invite_person
from app.services.permissions import PERMISSIONS
from schemas.access import NewPerson
from tests.integration.api.conftest import CLI, ORGANIZATIONS, Cast
from tests.integration.dashboard.conftest import ACME, GLOBEX, PASSWORD, Browse, People
from tests.integration.dashboard.reading import follow, open_in, read

PEOPLE = f"/tenants/{ACME}/people"
FORM = {"email": "new.person@example.com", "name": "Nadia New", "role": "analyst"}


async def test_somebody_is_invited_accepts_and_is_in(browse: Browse) -> None:
    admin = await open_in(browse, ACME, "admin")
    page = read(await admin.post(f"{PEOPLE}/invite", data=FORM))
    [code] = set(re.findall(r'data-copy="([\w-]{32})"', page))
    assert "shown this once" in page
    assert "http://acequia.test/dashboard/invitations" in page
    listed = read(await admin.get(PEOPLE))
    assert "Nadia New" in listed
    assert "Invited" in listed
    assert code not in listed
    newcomer = await open_in(browse)
    assert "Accept an invitation" in read(await newcomer.get("/invitations"))
    accepted = {"email": FORM["email"], "code": code, "password": PASSWORD}
    wrong = read(await newcomer.post("/invitations", data=accepted | {"code": "no code"}), 401)
    assert "do not go together" in wrong
    assert f'value="{FORM["email"]}"' in wrong
    assert PASSWORD not in wrong
    assert "The role counts now." in await follow(newcomer, await newcomer.post("/invitations", data=accepted))
    assert (await newcomer.get(f"/tenants/{ACME}/dead-letters")).status_code == 200
    assert (await newcomer.get(PEOPLE)).status_code == 403
    assert (await newcomer.post("/invitations", data=accepted)).status_code == 401, "a code is used once"


async def test_a_first_password_that_is_too_easy_is_said_beside_its_field(cast: Cast, browse: Browse) -> None:
    invited = await invite_person(
        cast.office, Place("tenant", ACME), NewPerson(**FORM), actor=CLI, held=PERMISSIONS
    )  # fmt: skip
    nobody = await open_in(browse)
    form = {"email": FORM["email"], "code": invited.invitation_code, "password": "short"}
    page = read(await nobody.post("/invitations", data=form), 422)
    assert "has fewer than" in page
    assert f'value="{invited.invitation_code}"' in page


@pytest.mark.parametrize(
    ("changed", "error"),
    [({"email": "no address"}, "e-mail address"), ({"name": ""}, "at least 1 character"), ({"role": "king"}, "Input")],
)
async def test_what_was_typed_stays_and_what_is_wrong_is_said(browse: Browse, changed: Any, error: str) -> None:
    admin = await open_in(browse, ACME, "admin")
    page = read(await admin.post(f"{PEOPLE}/invite", data=FORM | changed), 422)
    assert error in page
    kept = (FORM | changed)["email"]
    assert f'value="{kept}"' in page


async def test_a_role_is_changed_and_somebody_is_removed_after_being_asked(browse: Browse, people: People) -> None:
    await people.find_session(ACME, "analyst")
    person_id = people.ids[ACME, "analyst"]
    owner = await open_in(browse, ACME, "owner")
    page = read(await owner.get(f"{PEOPLE}/{person_id}"))
    assert '<option value="analyst" selected>' in page
    done = await owner.post(f"{PEOPLE}/{person_id}", data={"role": "operator"})
    assert "has another role" in await follow(owner, done)
    asked = read(await owner.get(f"{PEOPLE}/{person_id}/remove"))
    assert "Remove Analyst of 56?" in asked
    await follow(owner, await owner.post(f"{PEOPLE}/{person_id}/remove"))
    assert "Analyst of 56" not in read(await owner.get(PEOPLE))


async def test_nobody_gives_more_than_they_hold_and_the_last_owner_stays(browse: Browse, people: People) -> None:
    admin, owner = await open_in(browse, ACME, "admin"), await open_in(browse, ACME, "owner")
    assert '<option value="owner"' not in read(await admin.get(f"{PEOPLE}/invite"))
    assert (await admin.post(f"{PEOPLE}/invite", data=FORM | {"role": "owner"})).status_code == 403
    last = await owner.post(f"{PEOPLE}/{people.ids[ACME, 'owner']}", data={"role": "analyst"})
    assert "last owner" in read(last, 409)


async def test_an_organizations_people_are_seen_by_its_own_and_by_nobody_else(cast: Cast, browse: Browse) -> None:
    ours, theirs = ORGANIZATIONS[ACME], ORGANIZATIONS[GLOBEX]
    admin = await open_in(browse, role="platform_admin")
    page = f"/organizations/{ours}/people"
    assert "People of acme group" in read(await admin.get(page))
    read(await admin.post(f"{page}/invite", data=FORM | {"role": "owner"}))
    assert "Nadia New" in read(await admin.get(page))
    tenants = await open_in(browse, ACME, "owner")
    for organization_id in (ours, theirs, 999):
        for path in ("people", "people/invite", "keys", "keys/new"):
            assert (await tenants.get(f"/organizations/{organization_id}/{path}")).status_code == 404
        assert (await tenants.post(f"/organizations/{organization_id}/people/invite", data=FORM)).status_code == 404
    assert (await admin.get("/organizations/999/people")).status_code == 404
    assert "Ada Admin" in read(await admin.get("/platform/people"))


@pytest.mark.parametrize("language", ["en", "es", "pt"])
async def test_the_pages_are_there_in_every_language(browse: Browse, people: People, language: Any) -> None:
    owner = await open_in(browse, ACME, "owner", language)
    person_id = people.ids[ACME, "owner"]
    for path in ("", "/invite", f"/{person_id}", f"/{person_id}/remove"):
        assert f'<html lang="{language}' in read(await owner.get(f"{PEOPLE}{path}"))
    invited = read(await owner.post(f"{PEOPLE}/invite", data=FORM))
    assert f'<html lang="{language}' in invited
    nobody = await open_in(browse, language=language)
    assert f'<html lang="{language}' in read(await nobody.get("/invitations"))


async def test_another_tenants_people_are_nobody_here(cast: Cast, browse: Browse, people: People) -> None:
    await people.find_session(GLOBEX, "analyst")
    owner = await open_in(browse, ACME, "owner")
    assert "57" not in re.sub(r"<[^>]*>", "", read(await owner.get(PEOPLE)))
    theirs = people.ids[GLOBEX, "analyst"]
    assert (await owner.get(f"{PEOPLE}/{theirs}")).status_code == 404
    assert (await owner.post(f"{PEOPLE}/{theirs}/remove")).status_code == 404
