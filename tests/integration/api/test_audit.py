"""The audit log, sifted: by who, what, to what and when; short pages say that there is more."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.services.audit import Actor, write_audit
from db import audit
from schemas.ids import find_first_id
from tests.integration.api.conftest import ACME, GLOBEX, Cast, read
from tests.integration.api.stock import walk

AUDIT = f"/tenants/{ACME}/audit"


async def note(cast: Cast, actor_id: str, action: str, object_id: str, tenant_id: int | None = ACME) -> None:
    database = cast.office.database
    opened = database.platform_tx("test") if tenant_id is None else database.tenant_tx(tenant_id, "test")
    async with opened as connection:
        await write_audit(connection, tenant_id, Actor("person", actor_id), action, "thing", object_id)


async def test_entries_are_sifted_by_who_what_and_to_what(cast: Cast) -> None:
    for number in range(4):
        await note(cast, f"p-{number % 2}", "test.made" if number < 2 else "test.ended", f"o-{number}")
    await note(cast, "p-1", "test.made", "o-1", GLOBEX)
    async with cast.client(ACME, "auditor") as client:
        for params, objects in (
            ({"actor_id": "p-1"}, ["o-3", "o-1"]), ({"action": "test.made"}, ["o-1", "o-0"]),
            ({"action": "test."}, ["o-3", "o-2", "o-1", "o-0"]), ({"object_id": "o-2"}, ["o-2"]),
            ({"actor_id": "p-0", "action": "test.ended"}, ["o-2"]), ({"actor_id": "p-9"}, []),
        ):  # fmt: skip
            entries = read(await client.get(AUDIT, params=params))["data"]
            assert [entry["object_id"] for entry in entries] == objects, params


async def test_entries_are_sifted_by_time(cast: Cast, superuser: Any) -> None:
    now = datetime.now(UTC)
    for hours in range(5):
        await superuser.execute(
            "INSERT INTO audit_entries (tenant_id, audit_id, actor_kind, actor_id, action, object_kind, object_id)"
            " VALUES ($1, $2, 'cli', 'x', 'test.made', 'thing', $3)",
            ACME, find_first_id(now - timedelta(hours=hours)), f"o-{hours}",
        )  # fmt: skip
    since, until = now - timedelta(hours=3), now - timedelta(minutes=30)
    async with cast.client(ACME, "auditor") as client:
        query = {"since": since.isoformat(), "until": until.isoformat(), "action": "test."}
        pages = await walk(client, AUDIT, limit=2, **query)
    assert [entry["object_id"] for page in pages for entry in page["data"]] == ["o-1", "o-2", "o-3"]


async def test_a_rare_entry_is_found_behind_many(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "ROWS_SEEN_MAX", 3)
    await note(cast, "rare", "test.made", "o-1")
    for number in range(10):
        await note(cast, "other", "test.made", f"o-{number}")
    async with cast.client(ACME, "auditor") as client:
        pages = await walk(client, AUDIT, actor_id="rare")
    assert [entry["actor_id"] for page in pages for entry in page["data"]] == ["rare"]
    assert len(pages) > 3


async def test_the_platforms_own_is_sifted_too(cast: Cast) -> None:
    await note(cast, "p-1", "test.made", "o-1", None)
    await note(cast, "p-2", "test.made", "o-2", None)
    async with cast.client(0, "platform_admin") as client:
        [entry] = read(await client.get("/platform/audit", params={"actor_id": "p-2"}))["data"]
        assert entry["object_id"] == "o-2"
        assert read(await client.get("/platform/audit", params={"action": ""}), 422)["code"] == "invalid_input"
