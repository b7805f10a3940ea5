"""`acequia sync` over the running demo: listed, paused, cancelled, watched, started, verified."""

import json
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from db.pool import Database
from db.sync_runs import NewRun, insert_run, pause_run
from schemas.ids import make_uuid7
from scripts.stack.demo_tenants import BRANDS
from scripts.stack.installation import read_settings_of
from scripts.stack.stack import Stack
from tests.integration.cli.conftest import RunCommand

ACME, GLOBEX = BRANDS[0].tenant_id, BRANDS[1].tenant_id
MakeRun = Callable[[], Any]


async def ask(acequia: RunCommand, *words: str, code: int = 0) -> Any:
    ran = await acequia("sync", *words, "--json")
    assert ran.code == code, ran.err
    return json.loads(ran.out)


@pytest.fixture
def make_run(stack: Stack) -> MakeRun:
    """A run of acme's that no syncer begins."""

    async def make() -> str:
        run = NewRun(make_uuid7(), 1, "full", "manual", "normal", "cli:test")
        settings = read_settings_of(stack.environment("operator"))
        async with (
            await Database.open(settings, application_name="test") as database,
            database.tenant_tx(ACME, "test") as connection,
        ):
            await insert_run(connection, ACME, run, ("orders", "customers"))
            await pause_run(connection, ACME, run.run_id)
        return run.run_id

    return make


async def test_a_run_is_listed_cancelled_and_watched_to_its_end(acequia: RunCommand, make_run: MakeRun) -> None:
    run_id = await make_run()
    [found] = [run for run in await ask(acequia, "list", str(ACME)) if run["run_id"] == run_id]
    assert (found["sync_type"], found["is_paused"], len(found["streams"])) == ("full", True, 2)
    assert run_id in (await acequia("sync", "list", str(ACME))).out
    assert run_id not in (await acequia("sync", "list", str(GLOBEX))).out
    assert (await acequia("sync", "cancel", str(GLOBEX), run_id)).code == 1
    assert (await acequia("sync", "pause", str(ACME), run_id)).out.strip() == f"Run {run_id} is paused."
    assert (await ask(acequia, "cancel", str(ACME), run_id))["status"] == "cancelled"
    watched = await acequia("sync", "watch", str(ACME), run_id)
    assert watched.code == 1, "it has not brought everything"
    assert "int_56_1 full orders: 0 of ? listed" in watched.out
    assert "cancelled" in watched.out
    assert (await ask(acequia, "watch", str(ACME), run_id, code=1))["status"] == "cancelled"
    again = await acequia("sync", "resume", str(ACME), run_id)
    assert (again.code, "ended already" in again.err) == (1, True)
    audit = await acequia("audit", "list", str(ACME), "--json")
    assert {"sync.paused", "sync.cancelled"} <= {entry["action"] for entry in json.loads(audit.out)}


async def test_the_status_tells_when_each_integration_syncs_next(acequia: RunCommand) -> None:
    status = await ask(acequia, "status", str(ACME))
    assert [one["type"] for one in status["integrations"]] == ["vtex", "brand"]
    assert status["integrations"][1]["next_sync"] is None
    shown = await acequia("sync", "status", str(ACME))
    assert "next sync" in shown.out


async def test_what_cannot_be_asked_for_is_one_sentence(acequia: RunCommand) -> None:
    for words in (
        ("start", "999999"), ("start", str(ACME), "--type", "shopify"), ("start", str(ACME), "--kind", "some"),
        ("verify", str(ACME), "--from", "yesterday"), ("verify", str(ACME), "--integration", f"int_{GLOBEX}_1"),
        ("verify", str(ACME), "--from", "2026-11-02", "--to", "2026-11-01"),
        ("verify", str(ACME), "--to", "9999-12-31"), ("verify", str(ACME), "--from", "2190-01-01"),
        ("watch", str(ACME), "00000000-0000-7000-8000-000000000000"),
    ):  # fmt: skip
        ran = await acequia("sync", *words)
        assert ran.code == 1, words
        assert ran.err.startswith("acequia: "), ran.err
        assert "Traceback" not in ran.err


async def test_what_has_no_lists_is_not_configured(acequia: RunCommand) -> None:
    [line] = await ask(acequia, "start", str(ACME), "--type", "brand", code=1)
    assert line["outcome"] == "not_configured"


async def test_a_sync_is_started_and_watched(acequia: RunCommand) -> None:
    watched = await acequia("sync", "start", str(ACME), "--type", "vtex", "--kind", "full", "--watch")
    assert watched.code == 0, watched.err
    assert "orders" in watched.out
    assert "succeeded" in watched.out


async def test_a_verification_shows_what_was_lost_by_its_id(acequia: RunCommand, stack: Stack) -> None:
    # Compared once: until tomorrow no syncer does so by itself, and finds it first.
    await acequia("sync", "start", str(ACME), "--type", "vtex", "--kind", "full", "--watch")
    await acequia("sync", "verify", str(ACME))
    superuser = await asyncpg.connect(stack.installation.database_urls["postgres"])
    lost = await superuser.fetchval("DELETE FROM orders WHERE tenant_id = $1 RETURNING external_id", ACME)
    await superuser.close()
    found = await ask(acequia, "verify", str(ACME), "--integration", f"int_{ACME}_1", "--stream", "orders")
    findings = {one["external_id"]: one for one in found["findings"]}
    assert (findings[lost]["finding"], findings[lost]["outcome"]) == ("missing", "repaired")
    assert found["runs"][0]["status"] == "succeeded"
    assert sum(day["missing"] for day in found["days"]) == len(findings)
    shown = await acequia("sync", "verify", str(ACME), "--integration", f"int_{ACME}_1", "--stream", "orders")
    assert "0 differences" in shown.out
