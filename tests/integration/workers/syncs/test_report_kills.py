"""kill -9 of syncers while reports are read: every day stands once, as told; what Meta is making is not begun anew."""

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.workers.syncs.ads import PLATFORMS, Ads, Platform, open_ads
from tests.integration.workers.syncs.conftest import SyncWorks
from tests.integration.workers.syncs.test_kills import kill_while_it_goes_on, start_syncer
from tests.integration.workers.works import until

pytestmark = pytest.mark.kill

# Many windows, so that a kill falls between some.
SMALL_WINDOWS: dict[str, Any] = {"google_ads_window_days": 1, "facebook_window_days": 1}


async def end(ads: Ads, run_id: str, folder: Path, **settings: Any) -> None:
    async with start_syncer(ads.syncs, folder, **ads.settings, **settings):
        run, _ = await ads.syncs.wait(run_id, timeout_s=60)
    assert run.status == "succeeded"


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_report_that_is_killed_again_and_again_ends_with_every_day_once(
    syncs: SyncWorks, tmp_path: Path, platform: Platform
) -> None:
    ads = await open_ads(syncs, platform)
    settings = {**ads.settings, **SMALL_WINDOWS}
    run_id = await ads.start("full")
    kills = await kill_while_it_goes_on(syncs, tmp_path, run_id, **settings)
    assert kills > 1
    await end(ads, run_id, tmp_path, **SMALL_WINDOWS)
    assert await ads.read_held() == await ads.read_truth()
    rows = await syncs.works.superuser.fetchval("SELECT count(*) FROM ad_spend")
    _, streams = await syncs.look(run_id)
    stream = streams["ad_spend"]
    assert (stream.listed, stream.created, stream.updated, stream.deleted) == (rows, rows, 0, 0), "counted once"


async def test_without_the_checkpoint_in_the_windows_transaction_days_are_missing(
    syncs: SyncWorks, tmp_path: Path
) -> None:
    """The protection switched off: progress is saved before the rows, so that a kill in between skips a window."""
    ads = await open_ads(syncs, "google_ads")
    run_id = await ads.start("full")
    module = "tests.integration.workers.syncs.careless_report_syncer"
    await kill_while_it_goes_on(syncs, tmp_path, run_id, module, **ads.settings, **SMALL_WINDOWS)
    await end(ads, run_id, tmp_path, **SMALL_WINDOWS)
    assert await ads.read_held() != await ads.read_truth()


async def test_a_report_that_is_being_made_is_waited_for_over_a_kill_and_begun_once(
    syncs: SyncWorks, tmp_path: Path
) -> None:
    ads = await open_ads(syncs, "facebook_ads", rows_max=0, looks=1)
    settings: dict[str, Any] = {"facebook_history_days": 1, "sync_reports_at_once": 2}
    before = await ads.count_calls("start_report")
    run_id = await ads.start("full")

    async def count_waiting() -> int:
        query = "SELECT jsonb_array_length(checkpoint -> 'waiting') FROM sync_run_streams WHERE run_id = $1::uuid"
        return int(await syncs.works.superuser.fetchval(query, run_id) or 0)

    async def waits_for_both() -> bool:
        return await count_waiting() == 2

    async with start_syncer(syncs, tmp_path, **settings) as process:
        await until(waits_for_both, 30)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    assert await ads.count_calls("start_report") == before + 2, "no more than may be made at once"
    async with start_syncer(syncs, tmp_path, **settings):
        run, streams = await syncs.wait(run_id, timeout_s=60)
    assert run.status == "succeeded"
    assert await ads.count_calls("start_report") == before + 4, "two days on two levels, each begun once"
    assert streams["ad_spend"].steps > 3
    assert await ads.read_held() == await ads.read_truth(1, 0) != {}
