"""Keys and people: who is who, what each may do, and how soon it ends."""

import asyncio
from typing import Any
from uuid import UUID

import httpx

from app.services.people import reset_password, set_person_status
from tests.integration.api.conftest import ACME, CLI, GLOBEX, Cast, read

PERSON = {"email": "Ana@Example.org", "name": "Ana", "role": "operator"}
PASSWORD = "cuatro palabras bien largas"
LOGIN = {"email": "ana@example.org", "password": PASSWORD}


async def test_without_a_key_nothing_is_answered(cast: Cast) -> None:
    async with cast.client() as client:
        answer = await client.get("/tenants")
        assert read(answer, 401)["code"] == "unauthenticated"
        assert answer.headers["www-authenticate"].startswith("Bearer")
        wrong = await client.get("/tenants", headers={"Authorization": "Bearer aqk_" + "0" * 48})
        assert read(wrong, 401)["code"] == "unauthenticated"


async def test_a_key_is_shown_once_rotated_and_ends_within_a_second(cast: Cast) -> None:
    async with cast.client(ACME, "owner") as owner:
        made = read(await owner.post(f"/tenants/{ACME}/keys", json={"name": "feed", "role": "analyst"}), 201)["data"]
        listed = read(await owner.get(f"/tenants/{ACME}/keys"))["data"]
        assert "api_key" not in listed[-1]
        assert listed[-1]["key_id"] == made["key_id"]
        rotated = read(await owner.post(f"/tenants/{ACME}/keys/{made['key_id']}/rotate"))["data"]
        assert await statuses(cast, made["api_key"], rotated["api_key"]) == [200, 200]
        read(await owner.post(f"/tenants/{ACME}/keys/{made['key_id']}/retire-previous"))
        await asyncio.wait_for(until(cast, made["api_key"], 401), 1.0)
        read(await owner.delete(f"/tenants/{ACME}/keys/{made['key_id']}"))
        await asyncio.wait_for(until(cast, rotated["api_key"], 401), 1.0)


async def test_a_name_does_not_change_what_stands_around_it(cast: Cast) -> None:
    async with cast.client(ACME, "owner") as owner:
        for name in ("a\u202eb", "a\x07b", "a\x9bb", " "):
            refused = await owner.post(f"/tenants/{ACME}/keys", json={"name": name, "role": "analyst"})
            assert read(refused, 422)["errors"][0]["pointer"] == "/name"


async def test_guesses_at_a_person_keep_the_person_out_from_nowhere_else(cast: Cast) -> None:
    async with cast.client(ACME, "owner") as owner, cast.client() as guessing, cast.client(at="192.0.2.7") as own:
        await join(owner, ACME, PERSON, PASSWORD)
        wrong = {**LOGIN, "password": "something else entirely"}
        answers = [(await guessing.post("/session", json=wrong)).status_code for _ in range(15)]
        assert answers[0] == 401
        assert answers[-1] == 429
        read(await own.post("/session", json=LOGIN), 201)


async def test_nobody_gives_a_role_above_their_own(cast: Cast) -> None:
    async with cast.client(ACME, "admin") as admin:
        refused = await admin.post(f"/tenants/{ACME}/keys", json={"name": "k", "role": "owner"})
        assert read(refused, 403)["code"] == "forbidden"
        narrow = {"name": "k", "role": "operator", "permissions": ["records:reveal"]}
        assert (
            "/permissions/0"
            in read(await admin.post(f"/tenants/{ACME}/keys", json=narrow), 422)["errors"][0]["pointer"]
        )


async def test_a_narrowed_key_makes_none_that_is_wider_nor_takes_one_over(cast: Cast) -> None:
    keys, narrow = f"/tenants/{ACME}/keys", {"name": "narrow", "role": "admin", "permissions": ["access:write"]}
    async with cast.client(ACME, "owner") as owner:
        made = read(await owner.post(keys, json=narrow), 201)["data"]
        other = read(await owner.post(keys, json={"name": "feed", "role": "analyst"}), 201)["data"]
    async with cast.client(Authorization=f"Bearer {made['api_key']}") as client:
        for wider in ({"name": "k", "role": "admin"}, {**narrow, "permissions": ["access:write", "records:reveal"]}):
            assert read(await client.post(keys, json=wider), 403)["code"] == "forbidden"
        assert read(await client.post(f"{keys}/{other['key_id']}/rotate"), 403)["code"] == "forbidden"
        assert read(await client.post(f"/tenants/{ACME}/people", json=PERSON), 403)["code"] == "forbidden"
        assert read(await client.post(keys, json=narrow), 201)["data"]["permissions"] == ["access:write"]


async def test_a_person_logs_in_works_and_logs_out(cast: Cast) -> None:
    async with cast.client(ACME, "owner") as owner, cast.client() as browser:
        await join(owner, ACME, PERSON, PASSWORD)
        wrong = {"email": PERSON["email"], "password": "something else entirely"}
        unknown = {"email": "nobody@example.org", "password": "something else entirely"}
        first, second = await browser.post("/session", json=wrong), await browser.post("/session", json=unknown)
        assert read(first, 401)["detail"] == read(second, 401)["detail"]
        opened = await browser.post("/session", json=LOGIN)
        assert read(opened, 201)["data"]["name"] == "Ana"
        assert "HttpOnly" in opened.headers["set-cookie"]
        assert [tenant["id"] for tenant in read(await browser.get("/tenants"))["data"]] == [ACME]
        read(await browser.get(f"/tenants/{GLOBEX}"), 404)
        foreign = await browser.delete("/session", headers={"Sec-Fetch-Site": "cross-site"})
        assert read(foreign, 403)["code"] == "forbidden"
        read(await browser.delete("/session", headers={"Sec-Fetch-Site": "same-origin"}))
        browser.cookies.clear()
        read(await browser.get("/me"), 401)


async def test_a_person_is_called_in_each_tenant_what_that_one_calls_them(cast: Cast) -> None:
    async with cast.client(ACME, "owner") as acme, cast.client(GLOBEX, "owner") as globex:
        first = read(await acme.post(f"/tenants/{ACME}/people", json=PERSON), 201)["data"]
        second = read(await globex.post(f"/tenants/{GLOBEX}/people", json={**PERSON, "name": "A. Gomez"}), 201)["data"]
        assert first["person_id"] == second["person_id"]
        assert set(first) == set(second), "an invitation does not tell whether somebody is known"
        names = [read(await acme.get(f"/tenants/{ACME}/people"))["data"][0]["name"], second["name"]]
    assert names == ["Ana", "A. Gomez"]


async def test_what_one_tenant_changes_of_a_person_ends_no_work_elsewhere(cast: Cast) -> None:
    async with cast.client(ACME, "owner") as acme, cast.client(GLOBEX, "owner") as globex, cast.client() as browser:
        one = (await join(globex, GLOBEX, PERSON, PASSWORD))["person_id"]
        await join(acme, ACME, PERSON, PASSWORD)
        read(await browser.post("/session", json=LOGIN), 201)
        read(await browser.get(f"/tenants/{ACME}/events"))
        read(await acme.put(f"/tenants/{ACME}/people/{one}/role", json={"role": "auditor"}))
        await asyncio.wait_for(until_status(browser, f"/tenants/{ACME}/events", 403), 1.0)
        read(await acme.delete(f"/tenants/{ACME}/people/{one}"))
        await asyncio.wait_for(until_status(browser, f"/tenants/{ACME}", 404), 1.0)
        read(await browser.get(f"/tenants/{GLOBEX}/events"))


async def test_an_invitation_gives_nothing_to_who_wrote_it(cast: Cast) -> None:
    """Acme invites an address, sets its first password itself, and waits for globex to invite the same one."""
    async with cast.client(ACME, "owner") as acme, cast.client(GLOBEX, "owner") as globex, cast.client() as browser:
        await join(acme, ACME, PERSON, "what acme chose for her")
        of_globex = read(await globex.post(f"/tenants/{GLOBEX}/people", json={**PERSON, "role": "owner"}), 201)["data"]
        assert of_globex["status"] == "invited"
        stolen = {"email": PERSON["email"], "password": "what acme chose for her"}
        read(await browser.post("/session", json=stolen), 201)
        read(await browser.get(f"/tenants/{GLOBEX}"), 404)
        browser.cookies.clear()
        # The code without the password opens nothing either: then an operator gives her a new password.
        acceptance = {"email": PERSON["email"], "code": of_globex["invitation_code"], "password": PASSWORD}
        assert read(await browser.post("/invitations/accept", json=acceptance), 401)["code"] == "unauthenticated"
        password = await reset_password(cast.office, UUID(of_globex["person_id"]), actor=CLI)
        read(await browser.post("/invitations/accept", json={**acceptance, "password": password}), 201)
        read(await browser.get(f"/tenants/{GLOBEX}"))


async def test_an_invitation_is_accepted_once_and_in_time(cast: Cast, superuser: Any) -> None:
    async with cast.client(ACME, "owner") as owner, cast.client() as browser:
        people = f"/tenants/{ACME}/people"
        first = read(await owner.post(people, json=PERSON), 201)["data"]
        again = read(await owner.post(people, json=PERSON), 201)["data"]
        other_role = await owner.post(people, json={**PERSON, "role": "owner"})
        assert read(other_role, 409)["code"] == "conflict"
        acceptance = {"email": PERSON["email"], "code": first["invitation_code"], "password": PASSWORD}
        read(await browser.post("/invitations/accept", json=acceptance), 401)
        acceptance["code"] = again["invitation_code"]
        easy = await browser.post("/invitations/accept", json={**acceptance, "password": "short"})
        assert read(easy, 422)["errors"][0]["pointer"] == "/password"
        await superuser.execute("UPDATE person_roles SET code_ends_at = now() - interval '1 second'")
        read(await browser.post("/invitations/accept", json=acceptance), 401)
        await superuser.execute("UPDATE person_roles SET code_ends_at = now() + interval '1 hour'")
        read(await browser.post("/invitations/accept", json=acceptance), 201)
        browser.cookies.clear()
        read(await browser.post("/invitations/accept", json=acceptance), 401)
        assert read(await owner.get(people))["data"][0]["status"] == "active"


async def test_a_disabled_person_is_let_in_nowhere(cast: Cast) -> None:
    async with cast.client(ACME, "owner") as owner, cast.client() as browser:
        made = await join(owner, ACME, PERSON, PASSWORD)
        read(await browser.post("/session", json=LOGIN), 201)
        await set_person_status(cast.office, UUID(made["person_id"]), "disabled", actor=CLI)
        await asyncio.wait_for(until_status(browser, "/me", 401), 1.0)
        browser.cookies.clear()
        read(await browser.post("/session", json=LOGIN), 401)
        await set_person_status(cast.office, UUID(made["person_id"]), "active", actor=CLI)
        read(await browser.post("/session", json=LOGIN), 201)


async def join(owner: httpx.AsyncClient, tenant_id: int, person: dict[str, str], password: str) -> Any:
    """Invited and accepted; the person as invited."""
    invited = read(await owner.post(f"/tenants/{tenant_id}/people", json=person), 201)["data"]
    acceptance = {"email": person["email"], "code": invited["invitation_code"], "password": password}
    answer = await owner.post("/invitations/accept", json=acceptance, headers={"Authorization": ""})
    owner.cookies.clear()
    assert answer.status_code == 201, answer.text
    return invited


async def test_the_last_owner_stays(cast: Cast) -> None:
    async with cast.client(ACME, "owner") as owner:
        made = await join(owner, ACME, {**PERSON, "role": "owner"}, PASSWORD)
        one = f"/tenants/{ACME}/people/{made['person_id']}"
        assert read(await owner.delete(one), 409)["code"] == "conflict"
        assert read(await owner.put(f"{one}/role", json={"role": "admin"}), 409)["code"] == "conflict"


async def test_a_repeat_under_one_key_does_it_once(cast: Cast) -> None:
    wanted = {"name": "Otra", "slug": "otra", "type": "trial"}
    async with cast.client(0, "platform_admin", **{"Idempotency-Key": "one"}) as client:
        first, second = await client.post("/tenants", json=wanted), await client.post("/tenants", json=wanted)
        assert first.json() == second.json()
        assert second.headers["idempotent-replayed"] == "true"
        assert second.headers["cache-control"] == "no-store"
        assert second.headers["x-request-id"] != first.headers["x-request-id"]
        assert second.headers["etag"] == first.headers["etag"]
        other = await client.post("/tenants", json={**wanted, "slug": "otra-mas"})
        assert read(other, 409)["code"] == "conflict"
    async with cast.client(ACME, "owner", **{"Idempotency-Key": "two"}) as client:
        key = {"name": "k", "role": "analyst"}
        made = read(await client.post(f"/tenants/{ACME}/keys", json=key), 201)["data"]
        again = read(await client.post(f"/tenants/{ACME}/keys", json=key), 409)
        assert (again["code"], again["object_id"]) == ("answer_not_kept", made["key_id"])


async def test_a_days_calls_end_with_the_limit_but_not_for_the_platform(cast: Cast) -> None:
    async with cast.client(ACME, "owner") as owner, cast.client(0, "platform_admin") as platform:
        read(await platform.put(f"/tenants/{ACME}/settings", json={"max_api_calls_day": 2}))
        answers = [await owner.get(f"/tenants/{ACME}") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert "r=0" in answers[1].headers["ratelimit"]
        assert int(answers[2].headers["retry-after"]) > 0
        await cast.usage.flush()
        assert read(await platform.get("/metrics/global"))["total_api_calls_today"] == 2
        read(await platform.put(f"/tenants/{ACME}/settings", json={"max_api_calls_day": 3}))
        assert (await owner.get(f"/tenants/{ACME}")).status_code == 200


async def test_counts_begin_again_from_what_is_written_when_the_cache_was_lost(cast: Cast) -> None:
    async with cast.client(ACME, "owner") as owner:
        await owner.get(f"/tenants/{ACME}")
        await cast.usage.flush()
        await cast.office.cache.flushdb()
        answer = await owner.get(f"/tenants/{ACME}")
    assert "r=9998" in answer.headers["ratelimit"]


async def statuses(cast: Cast, *keys: str) -> list[int]:
    async with cast.client() as client:
        return [(await client.get("/me", headers={"Authorization": f"Bearer {key}"})).status_code for key in keys]


async def until(cast: Cast, key: str, status: int) -> None:
    """Asks until it is so: each question is a call of its own, and nothing announces that a cache entry ended."""
    while await statuses(cast, key) != [status]:
        pass


async def until_status(client: httpx.AsyncClient, path: str, status: int) -> None:
    while (await client.get(path)).status_code != status:
        pass
