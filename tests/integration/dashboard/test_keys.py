"""API keys in pages: made with chosen permissions, shown once, rotated, revoked after being asked."""

import re
from typing import Any

import pytest

from tests.integration.api.conftest import ORGANIZATIONS, Cast
from tests.integration.dashboard.conftest import ACME, GLOBEX, Browse
from tests.integration.dashboard.reading import follow, open_in, read

KEYS = f"/tenants/{ACME}/keys"
FORM = {"name": "ERP", "role": "operator", "days": "30"}


def find_secret(page: str) -> str:
    [secret] = set(re.findall(r'data-copy="(aqk_\w+)"', page))
    return str(secret)


async def ask(cast: Cast, secret: str) -> int:
    async with cast.client(Authorization=f"Bearer {secret}") as client:
        return (await client.get(f"/tenants/{ACME}/events")).status_code


async def test_a_key_is_made_shown_once_and_works(cast: Cast, browse: Browse) -> None:
    admin = await open_in(browse, ACME, "admin")
    page = read(await admin.post(f"{KEYS}/new", data=FORM | {"permission": ["events:read", "events:operate"]}))
    secret = find_secret(page)
    assert "shown this once" in page
    listed = read(await admin.get(KEYS))
    assert "ERP" in listed
    assert secret not in listed
    assert "2 permissions" in listed
    assert "Admin of 56" in listed, "who made it"
    assert await ask(cast, secret) == 200


async def test_a_rotation_leaves_two_secrets_until_the_old_one_is_ended(cast: Cast, browse: Browse) -> None:
    admin = await open_in(browse, ACME, "admin")
    first = find_secret(read(await admin.post(f"{KEYS}/new", data=FORM)))
    key_id = first[4:14]
    assert "stays valid until it is ended" in read(await admin.get(f"{KEYS}/{key_id}/rotate"))
    second = find_secret(read(await admin.post(f"{KEYS}/{key_id}/rotate")))
    assert "Two secrets valid" in read(await admin.get(KEYS))
    assert (await ask(cast, first), await ask(cast, second)) == (200, 200)
    assert "cannot be undone" in read(await admin.get(f"{KEYS}/{key_id}/retire-previous"))
    await follow(admin, await admin.post(f"{KEYS}/{key_id}/retire-previous"))
    assert "Two secrets valid" not in read(await admin.get(KEYS))


async def test_a_key_is_revoked_after_being_asked(cast: Cast, browse: Browse) -> None:
    admin = await open_in(browse, ACME, "admin")
    key_id = find_secret(read(await admin.post(f"{KEYS}/new", data=FORM)))[4:14]
    asked = read(await admin.get(f"{KEYS}/{key_id}/revoke"))
    assert "Revoke ERP?" in asked
    assert "never used" in asked
    assert "ERP is revoked." in await follow(admin, await admin.post(f"{KEYS}/{key_id}/revoke"))
    assert "1 key that has ended" in read(await admin.get(KEYS))


@pytest.mark.parametrize(
    ("changed", "error"),
    [({"name": ""}, "at least 1 character"), ({"days": "soon"}, "no number of days"), ({"days": "99999"}, "to 3650"),
     ({"role": "analyst", "permission": ["events:operate"]}, "does not belong to the role")],
)  # fmt: skip
async def test_what_was_typed_stays_and_what_is_wrong_is_said(browse: Browse, changed: Any, error: str) -> None:
    admin = await open_in(browse, ACME, "admin")
    page = read(await admin.post(f"{KEYS}/new", data=FORM | changed), 422)
    assert error in page
    assert f'value="{(FORM | changed)["name"]}"' in page
    for permission in changed.get("permission", []):
        assert re.search(rf'value="{permission}" checked', page)


async def test_nobody_makes_a_key_that_may_more(browse: Browse) -> None:
    admin = await open_in(browse, ACME, "admin")
    assert (await admin.post(f"{KEYS}/new", data=FORM | {"role": "owner"})).status_code == 403
    for role in ("operator", "analyst", "auditor"):
        browser = await open_in(browse, ACME, role)
        assert (await browser.get(KEYS)).status_code == 403
        assert (await browser.post(f"{KEYS}/new", data=FORM)).status_code == 403


async def test_a_neighbours_key_is_not_there(cast: Cast, browse: Browse) -> None:
    theirs = cast.keys[GLOBEX, "analyst"][4:14]
    owner = await open_in(browse, ACME, "owner")
    assert theirs not in read(await owner.get(KEYS))
    for verb in ("rotate", "revoke", "retire-previous"):
        assert (await owner.get(f"{KEYS}/{theirs}/{verb}")).status_code == 404
        assert (await owner.post(f"{KEYS}/{theirs}/{verb}")).status_code == 404
    assert await ask(cast, cast.keys[GLOBEX, "analyst"]) == 404


async def test_the_platform_and_an_organization_have_keys_of_their_own(browse: Browse) -> None:
    admin = await open_in(browse, role="platform_admin")
    assert "may do everything" in read(await admin.get("/platform/keys/new"))
    assert find_secret(read(await admin.post("/platform/keys/new", data={"name": "ops", "days": "1"})))
    organization = f"/organizations/{ORGANIZATIONS[ACME]}/keys"
    assert "No key yet" in read(await admin.get(organization))
    assert find_secret(read(await admin.post(f"{organization}/new", data=FORM)))
    assert "ERP" in read(await admin.get(organization))


@pytest.mark.parametrize("language", ["en", "es", "pt"])
async def test_the_pages_are_there_in_every_language(cast: Cast, browse: Browse, language: Any) -> None:
    owner = await open_in(browse, ACME, "owner", language)
    key_id = cast.keys[ACME, "analyst"][4:14]
    for path in ("", "/new", f"/{key_id}/rotate", f"/{key_id}/retire-previous", f"/{key_id}/revoke"):
        assert f'<html lang="{language}' in read(await owner.get(f"{KEYS}{path}"))
    assert f'<html lang="{language}' in read(await owner.post(f"{KEYS}/new", data=FORM))
