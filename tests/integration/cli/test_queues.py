"""Processes and queues on the command line, against a running stack."""

import asyncio
import json
import time

from scripts.stack.demo_tenants import BRANDS
from scripts.stack.stack import Stack
from tests.integration.cli.conftest import RunCommand

ACME = BRANDS[0].tenant_id


async def test_every_process_of_the_procfile_is_listed(stack: Stack, acequia: RunCommand) -> None:
    del stack
    deadline = time.monotonic() + 20
    while True:
        ran = await acequia("processes", "--json")
        assert ran.code == 0, ran.err
        found = json.loads(ran.out)
        if {one["kind"] for one in found} == {"receiver", "web", "worker", "syncer"}:
            break
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.2)
    table = await acequia("processes")
    assert all(one["process_id"] in table.out for one in found)


async def test_what_is_sent_to_a_paused_queue_waits_and_is_applied_when_it_is_resumed(
    stack: Stack, acequia: RunCommand
) -> None:
    del stack
    paused = await acequia("queues", "pause", str(ACME))
    assert paused.code == 0, paused.err
    assert "is paused: 0 events wait" in paused.out
    sending = asyncio.ensure_future(acequia("events", "send-test", str(ACME), "--json"))
    deadline = time.monotonic() + 8
    while True:
        listed = json.loads((await acequia("queues", "list", "--json")).out)
        if listed["waiting"]:
            break
        assert time.monotonic() < deadline
    [queue] = listed["data"]
    assert (queue["tenant_id"], queue["is_paused"], queue["waiting"]) == (ACME, True, 1)
    assert [(one["name"], one["is_unserved"]) for one in listed["groups"]] == [("shared", False)]
    resumed = await acequia("queues", "resume", str(ACME))
    assert (resumed.code, resumed.err) == (0, "")
    sent = await sending
    assert sent.code == 0, sent.err
    assert json.loads(sent.out)["outcome"] == "applied"


async def test_queues_are_shown_with_their_groups_and_an_unknown_one_is_refused(
    stack: Stack, acequia: RunCommand
) -> None:
    del stack
    table = await acequia("queues", "list")
    assert (table.code, "shared" in table.out) == (0, True)
    unknown = await acequia("queues", "pause", "99999")
    assert (unknown.code, unknown.out) == (1, "")
