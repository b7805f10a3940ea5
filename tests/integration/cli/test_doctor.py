"""The doctor: fine when all is well, and each thing that is broken is named with what to do."""

import json
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from scripts.stack.stack import Stack
from tests.integration.cli.conftest import RunCommand


async def find_problems(acequia: RunCommand, **environment: str) -> dict[str, Any]:
    findings = json.loads((await acequia("doctor", "--json", **environment)).out)
    return {finding["check"]: finding for finding in findings if finding["problem"]}


async def test_a_fresh_stack_has_nothing_broken(acequia: RunCommand) -> None:
    ran = await acequia("doctor")
    assert ran.code == 0, ran.out + ran.err
    problems = await find_problems(acequia)
    assert set(problems) <= {"postgres version"}
    assert all(finding["is_warning"] for finding in problems.values())


@pytest.mark.parametrize(
    ("environment", "check", "advice"),
    [
        ({"RECEIVER_PORT": "9"}, "receiver", "start it"),
        ({"WORKER_HEALTH_PORT": "9"}, "worker", "start it"),
        ({"SYNCER_HEALTH_PORT": "9"}, "syncer", "start it"),
        ({"WEB_PORT": "9"}, "web", "start it"),
        ({"LEDGER_DAYS": "2"}, "retention", "LEDGER_DAYS"),
        ({"REDIS_REPLICAS_CONFIRMED": "1"}, "durability", "replicas"),
        ({"REDIS_DURABILITY": "provider"}, "durability", "cannot be proven"),
    ],
)
async def test_each_wrong_setting_is_named_with_what_to_do(
    acequia: RunCommand, environment: dict[str, str], check: str, advice: str
) -> None:
    problems = await find_problems(acequia, **environment)
    assert advice in problems[check]["problem"]


async def test_a_queue_without_fsync_is_broken(stack: Stack, acequia: RunCommand) -> None:
    redis = Redis.from_url(stack.redis_url)
    try:
        await redis.config_set("appendfsync", "everysec")
        problems = await find_problems(acequia)
        assert "CONFIG SET appendfsync always" in problems["queue server"]["problem"]
        assert (await acequia("doctor")).code == 1
    finally:
        await redis.config_set("appendfsync", "always")
        await redis.aclose()


async def test_production_refuses_an_old_postgres(acequia: RunCommand) -> None:
    ran = await acequia("doctor", ENVIRONMENT="production")
    assert ran.code == 1
    assert "production refuses to start" in ran.err


async def test_the_public_address_must_lead_to_a_receiver(stack: Stack, acequia: RunCommand) -> None:
    assert "public address" not in await find_problems(acequia, PUBLIC_URL=stack.receiver_url)
    elsewhere = await find_problems(acequia, PUBLIC_URL=stack.web_url)
    assert "where a receiver answers 401" in elsewhere["public address"]["problem"]
    nowhere = await find_problems(acequia, PUBLIC_URL="http://127.0.0.1:9")
    assert "cannot be reached" in nowhere["public address"]["problem"]


async def test_a_server_that_logs_values_is_broken(stack: Stack, acequia: RunCommand) -> None:
    superuser = await asyncpg.connect(stack.database_urls["postgres"])
    try:
        await superuser.execute("ALTER ROLE acequia_operator SET log_parameter_max_length_on_error = -1")
        problems = await find_problems(acequia)
        assert "log_parameter_max_length_on_error" in problems["postgres settings"]["problem"]
    finally:
        await superuser.execute("ALTER ROLE acequia_operator RESET log_parameter_max_length_on_error")
        await superuser.close()
