"""Ad spend by day as a stream of syncs: after a run, what is held is what the platform says of every day it read."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.connectors.registry import get_connector
from app.core.budget_state import name_bucket
from app.services.sync_repairs import verify_streams
from app.services.sync_requests import list_syncable_streams
from db.activity import list_activity
from db.sync_claims import LeaseLostError, claim_stream
from db.sync_streams import SyncStream, find_sync_stream
from tests.integration.workers.syncs.ads import ADS, HISTORY_DAYS, LEVELS, PLATFORMS, Ads, Platform, open_ads
from tests.integration.workers.syncs.conftest import SyncWorks
from tests.integration.workers.works import ACME, GLOBEX, until
from workers.sync_report import ReportStep
from workers.sync_report_begin import begin_report
from workers.sync_work import ReportWork, open_work

TRAILING = {"google_ads": 30, "facebook_ads": 28}


@pytest.fixture(params=PLATFORMS)
async def ads(syncs: SyncWorks, request: pytest.FixtureRequest) -> Ads:
    return await open_ads(syncs, request.param)


async def count_rows(ads: Ads, first_ago: int = HISTORY_DAYS, last_ago: int = 0) -> int:
    return sum([len(await ads.list_truth(level, ads.day(first_ago), ads.day(last_ago))) for level in LEVELS])


async def find_state(ads: Ads) -> SyncStream:
    async with ads.syncs.works.database.tenant_tx(ads.tenant_id, "test") as connection:
        return await find_sync_stream(connection, ads.tenant_id, ADS, "ad_spend")


async def test_a_first_run_holds_what_the_platform_says_of_every_day_and_of_none_that_has_not_begun(ads: Ads) -> None:
    assert list_syncable_streams(ads.platform) == ("ad_spend",)
    stream = await ads.sync("full")
    assert await ads.read_held() == await ads.read_truth() != {}
    rows = await ads.syncs.works.superuser.fetchval("SELECT count(*) FROM ad_spend")
    assert (stream.listed, stream.created, stream.updated, stream.unchanged, stream.deleted) == (rows, rows, 0, 0, 0)
    assert (stream.expected, stream.errors, stream.dead) == (rows, 0, 0)
    assert stream.provider_calls > 0
    days = {day for day, _ in await ads.list_known_days()}
    assert max(days) == ads.today
    assert days >= {ads.day(ago) for ago in range(HISTORY_DAYS)}
    state = await find_state(ads)
    assert state.full_at == state.incremental_at == state.listed_through
    async with ads.syncs.works.database.tenant_tx(ACME, "test") as connection:
        assert ADS in await list_activity(connection, ACME), "it is current"


async def test_late_corrections_are_taken_by_the_next_run_and_every_window_adds_up(ads: Ads) -> None:
    await ads.sync("full")
    trailing = TRAILING[ads.platform]
    deleted = 0
    for first_ago, last_ago in ((trailing - 1, trailing - 4), (9, 2), (5, 0)):
        before = await ads.read_truth()
        await ads.correct(first_ago, last_ago)
        assert await ads.read_held() == before != await ads.read_truth()
        stream = await ads.sync("incremental")
        for window in ((HISTORY_DAYS - 1, 0), (trailing, 0), (first_ago, last_ago), (12, 4), (last_ago, last_ago)):
            assert await ads.read_held(*window) == await ads.read_truth(*window), window
        deleted += stream.deleted
        assert 0 < stream.created + stream.updated < stream.listed
        assert stream.created + stream.updated + stream.unchanged == stream.listed
        assert stream.listed <= await count_rows(ads, trailing + 1, -1)
    assert deleted > 0, "a correction takes rows away too"


async def test_calls_are_counted_where_the_budget_is_looked_at(ads: Ads) -> None:
    """By project at Google, by app and account at Meta: never by the account alone."""
    await ads.sync("full")
    name = get_connector(ads.platform).name_budget
    assert name is not None
    key = name_bucket(f"{ads.platform}:{name(ads.account, ads.config)}")
    assert await ads.syncs.works.redis.exists(key)
    other = Ads(ads.syncs, ads.platform, digits="5550001112")
    if ads.platform == "google_ads":
        assert name(other.account, ads.config) == name(ads.account, ads.config), "of one project"
    else:
        assert name(other.account, ads.config) != name(ads.account, ads.config)


async def test_nothing_is_written_where_nothing_was_corrected(ads: Ads) -> None:
    await ads.sync("full")
    query = "SELECT ctid, xmin, day, level, campaign_id, ad_group_id FROM ad_spend ORDER BY 3, 4, 5, 6"
    before = await ads.syncs.works.superuser.fetch(query)
    stream = await ads.sync("incremental")
    assert stream.listed > 100
    assert (stream.unchanged, stream.created, stream.updated, stream.deleted) == (stream.listed, 0, 0, 0)
    assert await ads.syncs.works.superuser.fetch(query) == before


async def test_a_repair_reads_older_days_again_and_only_those_that_were_asked_for(ads: Ads) -> None:
    await ads.sync("full")
    await ads.correct(70, 50)
    await ads.sync("incremental")
    assert await ads.read_held() != await ads.read_truth(), "they are behind what every run reads again"
    first, until_day = (datetime.combine(ads.day(ago), datetime.min.time(), UTC) for ago in (65, 59))
    await ads.sync("repair", since=first, until=until_day)
    assert await ads.read_held(65, 60) == await ads.read_truth(65, 60)
    assert await ads.read_held(70, 66) != await ads.read_truth(70, 66)
    assert await ads.read_held(59, 50) != await ads.read_truth(59, 50)
    assert (await find_state(ads)).verified_at is None
    await ads.sync("repair")
    assert await ads.read_held(89, 0) == await ads.read_truth(89, 0)
    assert (await find_state(ads)).verified_at is not None


async def test_the_nightly_comparison_reads_a_report_again(ads: Ads) -> None:
    await ads.sync("full")
    settings = ads.syncs.settings(sync_verify_every_h=1e-9)
    async with ads.syncs.syncer(**ads.settings) as context:
        assert await verify_streams(context.database, settings) == 1

        async def is_verified() -> bool:
            return (await find_state(ads)).verified_at is not None

        await until(is_verified, 30)
    run_id = await ads.syncs.works.superuser.fetchval("SELECT run_id::text FROM sync_runs WHERE kind = 'repair'")
    run, _ = await ads.syncs.look(run_id)
    assert run.status == "succeeded"
    assert await ads.syncs.works.superuser.fetchval("SELECT count(*) FROM gaps") == 0


async def test_days_that_passed_without_a_run_are_read_by_the_next_one(ads: Ads) -> None:
    await ads.sync("full")
    await ads.correct(60, 45)
    await ads.syncs.works.superuser.execute(
        "UPDATE sync_streams SET listed_through = $1", datetime.now(UTC) - timedelta(days=55)
    )
    await ads.sync("incremental")
    assert await ads.read_held(54, 0) == await ads.read_truth(54, 0)
    assert await ads.read_held(60, 57) != await ads.read_truth(60, 57)


async def test_nothing_is_read_of_days_that_the_tenant_does_not_keep(ads: Ads) -> None:
    await ads.syncs.works.superuser.execute(
        "UPDATE tenants SET settings = jsonb_build_object('data_retention_days', 20) WHERE tenant_id = $1", ACME
    )
    await ads.sync("full")
    days = {day for day, _ in await ads.list_known_days()}
    assert min(days) >= ads.day(21)
    assert await ads.read_held(19, 0) == await ads.read_truth(19, 0)


async def test_what_is_too_much_at_once_is_read_in_halves(syncs: SyncWorks) -> None:
    google = await open_ads(syncs, "google_ads")
    await google.sync("full", settings={"google_ads_rows_max": 40, "google_ads_window_days": 60})
    assert await google.read_held() == await google.read_truth()
    facebook = await open_ads(syncs, "facebook_ads", GLOBEX, rows_max=25)
    await facebook.sync("full")
    assert await facebook.read_held() == await facebook.read_truth()
    assert await facebook.count_calls("start_report") == 0


async def test_an_account_without_decimals_is_held_in_its_own_units(ads: Ads) -> None:
    await ads.put(currency="CLP")
    await ads.sync("full")
    assert await ads.read_held() == await ads.read_truth(digits=0)
    assert await ads.syncs.works.superuser.fetchval("SELECT DISTINCT currency FROM ad_spend") == "CLP"


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_two_tenants_of_one_account_have_rows_of_their_own(syncs: SyncWorks, platform: Platform) -> None:
    acme = await open_ads(syncs, platform)
    globex = Ads(syncs, platform, GLOBEX, acme.digits, acme.token)
    await globex.connect()
    await acme.sync("full")
    assert await globex.read_held() == {}
    await globex.sync("full")
    before = await globex.read_held()
    await acme.correct(9, 0)
    await acme.sync("incremental")
    assert await acme.read_held() == await acme.read_truth() != before
    assert await globex.read_held() == before
    for tenant_id in (ACME, GLOBEX):
        async with syncs.works.database.tenant_tx(tenant_id, "test") as connection:
            seen = await connection.fetchval("SELECT array_agg(DISTINCT tenant_id) FROM ad_spend")
        assert seen == [tenant_id]


async def test_an_authorisation_that_was_revoked_is_said_once_and_not_asked_again(ads: Ads) -> None:
    await ads.sync("full")
    if ads.platform == "google_ads":
        await ads.control("DELETE", f"grants/{ads.token.replace('/', '%2F')}")
    else:
        good, ads.token = ads.token, "another"
        await ads.put()
        ads.token = good
    async with ads.syncs.syncer(**ads.settings):
        run_id = await ads.start("incremental")

        async def waits() -> bool:
            _, streams = await ads.syncs.look(run_id)
            return streams["ad_spend"].reason == "integration_waits"

        await until(waits, 20)
        status = await ads.syncs.works.superuser.fetchval(
            "SELECT status FROM tenant_integrations WHERE tenant_id = $1 AND integration_id = $2", ACME, ADS
        )
        assert status == "credentials_refused"
        routes = ("token", "search", "account", "insights")
        before = [await ads.count_calls(route) for route in routes]
        steps = (await ads.syncs.look(run_id))[1]["ad_spend"].steps

        async def was_looked_at() -> bool:
            return (await ads.syncs.look(run_id))[1]["ad_spend"].steps > steps + 2

        await until(was_looked_at, 20)
        assert [await ads.count_calls(route) for route in routes] == before
        await ads.put()
        await ads.syncs.works.superuser.execute("UPDATE tenant_integrations SET status = 'active'")
        run, _ = await ads.syncs.wait(run_id)
    assert run.status == "succeeded"


async def test_a_row_that_cannot_be_used_fails_the_run_and_leaves_its_days_as_they_were(syncs: SyncWorks) -> None:
    ads = await open_ads(syncs, "google_ads")
    await ads.sync("full")
    held = await ads.read_held()
    await ads.correct(20, 0)
    account = {"results": [{"customer": {"id": ads.digits, "currencyCode": "ARS", "timeZone": "America/Lima"}}]}
    [row, *_] = await ads.list_truth("campaign", ads.day(1), ads.day(1))
    bad = {"results": [row | {"metrics": {"costMicros": "a lot"}}]}
    await ads.control("POST", "answers", {"route": "search", "answers": [{"body": account}, {"body": bad}]})
    async with syncs.syncer(**ads.settings):
        run, streams = await syncs.wait(await ads.start("incremental"))
    stream = streams["ad_spend"]
    assert (run.status, run.reason, stream.status, stream.error_code) == (
        "failed",
        "unmappable",
        "failed",
        "unmappable",
    )
    assert stream.error_example is not None
    assert "costMicros" in stream.error_example
    assert stream.error_example.startswith("campaign ")
    truth = await ads.read_truth()
    now_held = await ads.read_held()
    assert {key: now_held[key] for key in held if key[1] == "campaign"} == {
        key: held[key] for key in held if key[1] == "campaign"
    }
    groups = {key: figures for key, figures in truth.items() if key[1] == "ad_group"}
    assert {key: now_held[key] for key in groups} == groups, "the other windows were read"
    await ads.sync("incremental")
    assert await ads.read_held() == truth


@pytest.mark.parametrize(
    ("platform", "route", "answer"),
    [
        ("google_ads", "search", {"status": 403, "body": {"error": {"code": 403, "status": "PERMISSION_DENIED"}}}),
        ("facebook_ads", "insights", {"status": 400, "body": {"error": {"code": 200, "message": "m"}}}),
    ],
)
async def test_what_the_platform_refuses_fails_the_run_at_once_and_is_said(
    syncs: SyncWorks, platform: Platform, route: str, answer: Any
) -> None:
    ads = await open_ads(syncs, platform)
    await ads.control("POST", "answers", {"route": route, "answers": [answer]})
    async with syncs.syncer(**ads.settings):
        run, streams = await syncs.wait(await ads.start("full"))
    assert (run.status, run.reason, streams["ad_spend"].steps) == ("failed", "provider_refused", 1)
    assert "permanent" in str(streams["ad_spend"].error_example)


async def test_whoever_lost_its_lease_writes_no_window(ads: Ads) -> None:
    await ads.start("full")
    async with ads.syncs.idle_syncer(**ads.settings) as context:

        async def claim() -> Any:
            return await claim_stream(context.database, 1, 4)

        first = await until(claim)
        work = await open_work(context, first)
        assert isinstance(work, ReportWork)
        checkpoint = await begin_report(context, work)
        await until(claim)
        with pytest.raises(LeaseLostError):
            await ReportStep(context, work, checkpoint, deadline=float("inf")).run()
    assert await ads.read_held() == {}
    assert await ads.list_known_days() == set()


async def test_a_common_account_costs_a_run_few_calls(ads: Ads) -> None:
    await ads.sync("full")
    stream = await ads.sync("incremental")
    # At Google also the token of a new process; two queries, or four, and the account itself.
    assert stream.provider_calls == (4 if ads.platform == "google_ads" else 5)


async def test_usage_headers_slow_a_run_down_and_do_not_stop_it(syncs: SyncWorks) -> None:
    """After each answer Meta asks for a pause that is longer than a step may wait: it is waited for between steps."""
    usage = {"x-ad-account-usage": '{"acc_id_util_pct": 97.5, "reset_time_duration": 1}'}
    ads = await open_ads(syncs, "facebook_ads", usage=usage)
    reasons: set[str | None] = set()
    async with syncs.syncer(facebook_history_days=20, batch_budget_wait_s=0.0):
        run_id = await ads.start("full")

        async def has_ended() -> bool:
            run, streams = await syncs.look(run_id)
            reasons.add(streams["ad_spend"].reason)
            return run.ended_at is not None

        await until(has_ended, 60)
    run, streams = await syncs.look(run_id)
    assert (run.status, streams["ad_spend"].errors) == ("succeeded", 0)
    assert reasons == {None, "throttled"}
    assert await ads.read_held(20, 0) == await ads.read_truth(20, 0)


async def test_pages_that_a_pause_falls_between_are_asked_for_in_parts(syncs: SyncWorks) -> None:
    usage = {"x-ad-account-usage": '{"acc_id_util_pct": 97.5, "reset_time_duration": 1}'}
    ads = await open_ads(syncs, "facebook_ads", usage=usage, campaigns=40)
    async with syncs.syncer(facebook_history_days=12, batch_budget_wait_s=0.0):
        run, streams = await syncs.wait(await ads.start("full"), timeout_s=60)
    assert (run.status, streams["ad_spend"].errors) == ("succeeded", 0)
    assert await ads.read_held(12, 0) == await ads.read_truth(12, 0)
    assert streams["ad_spend"].listed > 1_000
