"""P2 at the one instant that matters most: the worker is killed when COMMIT has returned and nothing is deleted yet.

What it committed stands in the ledger and in the queue, and is read, fetched and committed again by somebody else.
"""

from pathlib import Path

import orjson
import pytest

from scripts.stack.child import wait_until
from tests.acceptance.killing import choose_seed
from tests.acceptance.runs import SOON_OUT_OF_TRIES, run_and_judge
from tests.acceptance.sandbox import Traffic
from tests.acceptance.stacks import start_stack
from tests.acceptance.verdict import read_ledger

pytestmark = pytest.mark.kill

DEATHS = 6
DEATHS_TIMEOUT_S = 60.0
REST_MAX_S = 60.0


async def test_a_kill_between_commit_and_delete_makes_no_second_row(tmp_path: Path) -> None:
    graves = tmp_path / "deaths"
    graves.mkdir()

    async def wait_for_deaths(_: Traffic) -> str:
        assert await wait_until(lambda: len(list(graves.iterdir())) >= DEATHS, DEATHS_TIMEOUT_S)
        return f"{DEATHS} workers died between COMMIT and delete"

    settings = {
        "lease_ms": 3_000,
        "sweep_interval_s": 0.5,
        "deaths_folder": graves,
        "deaths_max": DEATHS,
        **SOON_OUT_OF_TRIES,
    }
    async with start_stack(
        tmp_path, sabotage={"worker": "die_after_commit"}, counts={"worker": 2}, settings=settings
    ) as stack:
        verdict = await run_and_judge(
            stack, wait_for_deaths, events=600, rate=60, seed=choose_seed(), rest_max_s=REST_MAX_S
        )
        ledger = await read_ledger(stack)
    deaths = [orjson.loads(path.read_bytes()) for path in graves.iterdir()]
    # judge() has compared entries with rows, counters with rows, and seen that the queue holds nothing any more.
    assert not verdict.problems
    assert verdict.settled_s < REST_MAX_S
    assert len(deaths) == DEATHS
    for death in deaths:
        assert set(death["event_ids"]) <= ledger[death["tenant_id"]].keys()
        assert death["event_ids"], "a worker died without having committed anything"
