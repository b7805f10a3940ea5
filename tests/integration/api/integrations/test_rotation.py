"""A rotated secret: the one before stays valid until its caller has had the new one for a day and left it unused."""

import asyncio
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest

from app.core.directory import PREVIOUS_USED_KEY
from app.core.queue_runner import send_command
from app.services.secret_rotation import SINCE_FIELD, retire_unused_secrets
from app.services.secret_states import list_secret_states
from db.pool import Database
from tests.integration.api.conftest import ACME, GLOBEX, read
from tests.integration.api.integrations.conftest import FOREIGN, PATH, Shop

DAY_S = 24 * 3_600


class Rotation:
    """acme's hook, its secrets and its times."""

    def __init__(self, shop: Shop, superuser: Any, worker: Database) -> None:
        self.shop, self.superuser, self.worker = shop, superuser, worker

    async def list_valid(self) -> list[bytes]:
        """Hashes of the valid secrets, newest first."""
        found: list[bytes] = await self.superuser.fetchval(
            "SELECT secret_hashes FROM endpoints WHERE kind = 'order_hook'"
        )
        return found

    async def rotate(self) -> Any:
        async with self.shop.cast.client(ACME) as client:
            return read(await client.post(f"{PATH}/int_{ACME}_1/rotate-secret"))["data"]

    async def move(self, *, rotated_s: float | None = None, used_s: float | None = None, since_s: float) -> None:
        """As if it had been rotated, last used and watched so many seconds ago."""
        redis = self.shop.cast.office.queue.redis
        now = time.time()
        if rotated_s is not None:
            await self.superuser.execute(
                "UPDATE endpoints SET rotated_at = now() - make_interval(secs => $1) WHERE rotated_at IS NOT NULL",
                rotated_s,
            )
        values = {SINCE_FIELD: str(now - since_s)}
        if used_s is not None:
            token_hash = await self.superuser.fetchval("SELECT token_hash FROM endpoints WHERE kind = 'order_hook'")
            values[token_hash.hex()] = str(now - used_s)
        for field, value in values.items():
            await send_command(redis, "HSET", PREVIOUS_USED_KEY, field, value)

    async def retire(self) -> int:
        office = self.shop.cast.office
        return await retire_unused_secrets(self.worker, office.queue.redis, office.settings, office.keyring)


@pytest.fixture
async def rotation(shop: Shop, superuser: Any, open_database: Callable[..., Any]) -> Rotation:
    async with shop.cast.client(ACME) as client:
        await shop.create(client)
    return Rotation(shop, superuser, await open_database("worker"))


async def test_the_provider_is_told_the_new_secret_and_the_one_before_stays_valid(rotation: Rotation) -> None:
    before = await rotation.shop.find_secret()
    answer = await rotation.rotate()
    after = await rotation.shop.find_secret()
    assert after != before
    assert await rotation.list_valid() == [sha256(secret.encode()).digest() for secret in (after, before)]
    assert answer["hook"]["status"] == "registered"
    assert after not in str(answer)
    async with rotation.shop.cast.client(ACME) as client:
        audit = read(await client.get(f"/tenants/{ACME}/audit"))["data"]
    assert (audit[0]["action"], audit[0]["details"]) == ("integration.secret_rotated", {"kind": "order_hook"})


async def test_a_second_rotation_waits_for_the_end_of_the_first(rotation: Rotation) -> None:
    await rotation.rotate()
    valid = await rotation.list_valid()
    assert "under way" in str((await rotation.rotate())["notes"])
    assert await rotation.list_valid() == valid


@pytest.mark.parametrize(
    ("moved", "retired"),
    [
        ({"rotated_s": DAY_S + 60, "since_s": 9 * DAY_S}, 1),
        ({"rotated_s": DAY_S + 60, "used_s": DAY_S + 60, "since_s": 9 * DAY_S}, 1),
        ({"rotated_s": DAY_S - 60, "since_s": 9 * DAY_S}, 0),
        ({"rotated_s": 5 * DAY_S, "used_s": DAY_S - 60, "since_s": 9 * DAY_S}, 0),
        ({"rotated_s": 5 * DAY_S, "since_s": DAY_S - 60}, 0),
    ],
    ids=["never used", "unused for a day", "rotated today", "used today", "Redis was wiped today"],
)
async def test_the_one_before_ends_when_it_was_unused_for_a_day(
    rotation: Rotation, moved: dict[str, float], retired: int
) -> None:
    await rotation.rotate()
    valid = await rotation.list_valid()
    await rotation.move(**moved)
    assert await rotation.retire() == retired
    assert await rotation.list_valid() == valid[: 2 - retired]
    assert await rotation.retire() == 0


async def test_uses_are_watched_from_the_first_turn_on(rotation: Rotation) -> None:
    await rotation.rotate()
    await rotation.superuser.execute("UPDATE endpoints SET rotated_at = now() - interval '9 days'")
    assert await rotation.retire() == 0
    assert await send_command(rotation.shop.cast.office.queue.redis, "HGET", PREVIOUS_USED_KEY, SINCE_FIELD)


async def test_while_the_provider_was_not_told_the_one_before_stays_valid(rotation: Rotation) -> None:
    before = await rotation.shop.find_secret()
    await rotation.shop.put_key(offline=True)
    answer = await rotation.rotate()
    assert "stays valid" in str(answer["notes"])
    await rotation.move(rotated_s=9 * DAY_S, since_s=9 * DAY_S)
    assert await rotation.retire() == 0
    await rotation.shop.put_key(offline=False)
    assert await rotation.shop.find_secret() == before
    # Asked again, the provider is told the secret that was made then.
    await rotation.rotate()
    after = await rotation.shop.find_secret()
    assert await rotation.list_valid() == [sha256(secret.encode()).digest() for secret in (after, before)]
    await rotation.move(rotated_s=9 * DAY_S, since_s=9 * DAY_S)
    assert await rotation.retire() == 1
    assert await rotation.list_valid() == [sha256(after.encode()).digest()]


async def test_with_a_foreign_hook_there_nobody_is_told(rotation: Rotation) -> None:
    await rotation.shop.put_key(hook=FOREIGN)
    answer = await rotation.rotate()
    assert answer["hook"]["status"] == "foreign"
    assert "stays valid" in str(answer["notes"])
    assert await rotation.shop.find_hook() == FOREIGN["url"]


async def test_a_signing_secret_is_shown_to_who_rotates_it(shop: Shop) -> None:
    async with shop.cast.client(ACME) as client:
        brand = {"tenant_id": ACME, "type": "brand", "account": "erp"}
        made = read(await client.post(PATH, json=brand), 201)["data"]
        rotated = read(await client.post(f"{PATH}/{made['id']}/rotate-secret"))["data"]
    assert rotated["addresses"][0]["url"] == made["addresses"][0]["url"]
    assert rotated["addresses"][0]["secret"] != made["addresses"][0]["secret"]


async def test_rotations_at_once_make_one_secret_and_end_none(shop: Shop, superuser: Any) -> None:
    async with shop.cast.client(ACME) as client:
        form = {"tenant_id": ACME, "type": "brand", "account": "erp"}
        one = read(await client.post(PATH, json=form), 201)["data"]["id"]
        before = await superuser.fetchval("SELECT secret_hashes FROM endpoints WHERE kind = 'inline'")
        calls = [client.post(f"{PATH}/{one}/rotate-secret") for _ in range(4)]
        notes = [read(answer)["data"]["notes"] for answer in await asyncio.gather(*calls)]
    after = await superuser.fetchval("SELECT secret_hashes FROM endpoints WHERE kind = 'inline'")
    assert after[1:] == before
    assert sorted(map(len, notes)) == [0, 1, 1, 1]


async def test_the_secret_before_can_be_ended_by_hand_once_the_provider_has_the_new_one(rotation: Rotation) -> None:
    retire = f"{PATH}/int_{ACME}_1/retire-secret"
    async with rotation.shop.cast.client(ACME) as client:
        assert "nothing to retire" in read(await client.post(retire), 409)["detail"]
        await rotation.shop.put_key(offline=True)
        await rotation.rotate()
        assert "does not have the new secret yet" in read(await client.post(retire), 409)["detail"]
        await rotation.shop.put_key(offline=False)
        await rotation.rotate()
        valid = await rotation.list_valid()
        [state] = read(await client.post(retire))["data"]
        assert (state["kind"], state["has_previous"]) == ("order_hook", False)
        assert await rotation.list_valid() == valid[:1]
        entry = read(await client.get(f"/tenants/{ACME}/audit"))["data"][0]
    assert (entry["action"], entry["details"]) == ("integration.secret_retired", {"kind": "order_hook"})


async def test_a_signing_secret_can_be_ended_by_hand_too(shop: Shop) -> None:
    office = shop.cast.office
    async with shop.cast.client(ACME) as client:
        made = read(await client.post(PATH, json={"tenant_id": ACME, "type": "brand", "account": "erp"}), 201)["data"]
        one = f"{PATH}/{made['id']}"
        read(await client.post(f"{one}/rotate-secret"))
        [state] = await list_secret_states(office, ACME, 1)
        assert state.has_previous
        assert state.rotated_at is not None
        assert state.previous_used_at is None
        read(await client.post(f"{one}/retire-secret"))
    [state] = await list_secret_states(office, ACME, 1)
    assert not state.has_previous
    assert await list_secret_states(office, GLOBEX, 1) == []


async def test_the_last_use_of_the_secret_before_is_shown(rotation: Rotation) -> None:
    await rotation.rotate()
    await rotation.move(used_s=600, since_s=DAY_S)
    [state] = await list_secret_states(rotation.shop.cast.office, ACME, 1)
    assert state.previous_used_at is not None
    assert 590 < time.time() - state.previous_used_at.timestamp() < 700
