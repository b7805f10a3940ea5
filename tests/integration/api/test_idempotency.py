"""Idempotency-Key: what is in progress, what died on its way, and what its day is over for."""

from typing import Any

from db.idempotent_calls import forget_all_old
from tests.integration.api.conftest import Cast, read

WANTED = {"name": "Otra", "slug": "otra", "type": "trial"}


async def test_a_call_in_progress_is_not_done_twice_and_a_dead_one_is_taken_up(cast: Cast, superuser: Any) -> None:
    async with cast.client(0, "platform_admin", **{"Idempotency-Key": "one"}) as client:
        read(await client.post("/tenants", json=WANTED), 201)
        await superuser.execute("UPDATE idempotent_calls SET status = NULL, sealed_answer = NULL")
        assert read(await client.post("/tenants", json=WANTED), 409)["code"] == "call_in_progress"
        await superuser.execute("UPDATE idempotent_calls SET created_at = now() - interval '3 minutes'")
        assert read(await client.post("/tenants", json=WANTED), 409)["detail"].startswith("This slug is taken")


async def test_a_call_that_failed_may_be_repeated_under_its_key(cast: Cast) -> None:
    async with cast.client(0, "platform_admin", **{"Idempotency-Key": "one"}) as client:
        read(await client.post("/tenants", json={**WANTED, "organization_id": 999}), 422)
        read(await client.post("/tenants", json=WANTED), 201)


async def test_a_call_that_ended_in_a_fault_of_ours_is_not_repeated_at_once(cast: Cast, superuser: Any) -> None:
    async with cast.client(0, "platform_admin", **{"Idempotency-Key": "one"}) as client:
        await superuser.execute("ALTER TABLE tenant_slugs RENAME TO away")
        read(await client.post("/tenants", json=WANTED), 500)
        await superuser.execute("ALTER TABLE away RENAME TO tenant_slugs")
        assert read(await client.post("/tenants", json=WANTED), 409)["code"] == "call_in_progress"
        await superuser.execute("UPDATE idempotent_calls SET created_at = now() - interval '3 minutes'")
        read(await client.post("/tenants", json=WANTED), 201)


async def test_a_kept_answer_is_sealed_and_ends_with_its_day(cast: Cast, superuser: Any, open_database: Any) -> None:
    async with cast.client(0, "platform_admin", **{"Idempotency-Key": "one"}) as client:
        read(await client.post("/tenants", json=WANTED), 201)
        [row] = await superuser.fetch("SELECT sealed_answer, status FROM idempotent_calls")
        assert row["status"] == 201
        assert b"Otra" not in row["sealed_answer"]
        worker = await open_database("worker")
        assert await forget_all_old(worker, 24) == 0
        await superuser.execute("UPDATE idempotent_calls SET created_at = now() - interval '25 hours'")
        assert await forget_all_old(worker, 24) == 1
