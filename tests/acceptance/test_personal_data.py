"""P6: personal data is never at rest in the clear.

A canary e-mail, phone, document, address and app token go through every path: calls, syncs, the API. Then everything
that is left behind is searched for them: every table, every file of Postgres with its log, of Valkey, of the receiver,
all logs, all answers, pages and commands' output, packed bytes unpacked. Once more with sealing taken out, the same
search must find them all.
"""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis

from app.services.keyring import open_keyring
from app.services.stored_records import find_stored_customer, find_stored_order
from db.pool import Database
from scripts.stack.demo import read_credentials
from scripts.stack.procfile import read_procfile
from scripts.stack.stack import Stack, StackOptions
from tests.acceptance.traces.api_journey import use_api
from tests.acceptance.traces.canaries import Canaries, make_canaries, make_listed_needles, make_needles
from tests.acceptance.traces.collect import copy_tables, list_toast_paths, read_keys
from tests.acceptance.traces.journey import BRAND, Journey, our_command, refuse_a_row
from tests.acceptance.traces.provider import open_provider
from tests.acceptance.traces.search import Search
from tests.acceptance.traces.sync_journey import CHANGED_TOTAL, SyncJourney, sync
from tests.acceptance.traces.unsealed import unseal

pytestmark = pytest.mark.kill

UNSEALED = "tests.acceptance.traces.unsealed"
OF_PEOPLE = {"email", "phone", "document", "street"}
LISTED = {f"listed {name}" for name in OF_PEOPLE}
EVERYTHING = OF_PEOPLE | LISTED | {"token"}
SETTINGS = {
    "log_level": "debug",
    "tries_max": 2,
    "retry_base_s": 0.2,
    "sweep_interval_s": 0.2,
    "provider_call_timeout_s": 2.0,
    "sync_poll_s": 0.1,
    "sync_retry_min_s": 0.2,
    "sync_retry_max_s": 1.0,
    "sync_missing_confirm_s": 0.1,
    "sync_progress_interval_s": 0.1,
    "vtex_index_lag_s": 0.0,
    "vtex_scroll_documents": 15,
}


async def leave_traces(folder: Path, command: list[str]) -> Search:
    """Runs the whole stack through the journey and searches what is left of it. `command`: what starts a module."""
    commands = {name: [*command, *words[2:]] for name, words in read_procfile().items()}
    async with open_provider() as provider:
        options = StackOptions(
            folder=folder / "data",
            has_traffic=False,
            uses_free_ports=True,
            sandbox_arguments=("--latency-ms", "0"),
            settings={**SETTINGS, "vtex_url_template": provider.url_template},
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("scripts.stack.stack.read_procfile", lambda: commands)
            stack = Stack(options, print)
            provider.find_sandbox_url = lambda: stack.sandbox_url
            async with stack, httpx.AsyncClient(trust_env=False, timeout=10.0) as client:
                credentials = await read_credentials(stack)
                canaries = make_canaries(credentials[BRAND.tenant_id]["app_token"])
                journey = Journey(stack, provider, canaries, command, client)
                listed = make_canaries(canaries.token)
                search = Search([*make_needles(canaries), *make_listed_needles(listed)])
                await walk(journey, listed)
                toast_paths = await search_servers(journey, search, folder)
    for name, shown in journey.shown.items():
        search.look_at(name, shown)
    search.look_at_postgres(stack.path / "postgres", toast_paths)
    search.look_at_valkey(stack.path / "valkey")
    search.look_at_valkey(folder / "valkey-before")
    # All that is left in the data folder: logs, the receiver's marks, keystore, passwords, the operator's settings.
    rest = search.look_at_rest(stack.path, ("postgres", "valkey"))
    assert rest >= {"logs", "receiver", "keystore.json", "operator.env"}
    for name in ("receiver", "web", "worker", "syncer"):
        assert (stack.path / "logs" / f"{name}.log").stat().st_size > 0
    return search


async def walk(journey: Journey, listed: Canaries) -> None:
    await refuse_a_row(journey.stack)
    await journey.buy()
    await journey.register()
    await journey.send_documents()
    await journey.be_refused()
    outcomes = await journey.settle()
    told = Counter(outcomes.values())
    reasons = {reason for outcome, reason in told if outcome == "dead"}
    assert reasons == {"unmappable", "object_failed", "not_found", "permission_missing", "row_refused"}, told
    assert {outcome for outcome, _ in told} >= {"applied", "duplicate", "dead"}, told
    assert len(journey.provider.asked) == len(journey.provider.answers), "a provider's error was never met"
    await check_rows(journey)
    await journey.look()
    await use_api(journey)
    await check_listed_rows(journey, listed, await sync(journey, listed))
    await journey.leave_waiting()


async def check_rows(journey: Journey) -> None:
    """The canaries have arrived, or there would be nothing to find."""
    canaries = journey.canaries
    settings = journey.stack.settings("web")
    keyring = await open_keyring(settings)
    async with await Database.open(settings, application_name="acequia test") as database:
        keys = await keyring.keys_of(BRAND.tenant_id)
        order = await find_stored_order(database, keys, "vtex", BRAND.account, journey.order_id)
        customer = await find_stored_customer(database, keys, "vtex", BRAND.account, journey.customer_id)
        own = await find_stored_customer(database, keys, "brand", BRAND.slug, "c-1")
    await keyring.close()
    assert order is not None
    assert order.buyer is not None
    assert (order.buyer.email, order.buyer.phone) == (canaries.email, canaries.phone)
    assert order.shipping_address is not None
    assert order.shipping_address.street == canaries.street
    assert customer is not None
    assert (customer.email, customer.document) == (canaries.email, canaries.document.lower())
    assert set(customer.phones) == {canaries.phone, canaries.spoken_phone}
    assert own is not None
    assert own.document == canaries.document


async def check_listed_rows(journey: Journey, listed: Canaries, synced: SyncJourney) -> None:
    """The same of what only the lists told of."""
    settings = journey.stack.settings("web")
    keyring = await open_keyring(settings)
    async with await Database.open(settings, application_name="acequia test") as database:
        keys = await keyring.keys_of(BRAND.tenant_id)
        order = await find_stored_order(database, keys, "vtex", BRAND.account, synced.order_id)
        late_order = await find_stored_order(database, keys, "vtex", BRAND.account, synced.late_order_id)
        customer = await find_stored_customer(database, keys, "vtex", BRAND.account, synced.customer_id)
        gone = await find_stored_customer(database, keys, "vtex", BRAND.account, synced.gone_id)
    await keyring.close()
    assert order is not None
    assert order.total_minor == CHANGED_TOTAL + 1
    assert listed.spoken_phone in str(order.cancel_reason)
    assert late_order is not None
    assert late_order.buyer is not None
    assert late_order.buyer.document == listed.document
    assert customer is not None
    assert customer.email == listed.email
    assert listed.spoken_phone in customer.phones
    assert [address.street for address in customer.addresses if address.external_id == "a-1"] == [listed.street]
    assert gone is not None
    assert gone.is_deleted


async def search_servers(journey: Journey, search: Search, folder: Path) -> list[str]:
    """What the servers say while they run, and Valkey's log as it stood before it is written anew as a snapshot."""
    stack = journey.stack
    async for table, rows in copy_tables(stack.database_urls["postgres"]):
        search.look_at(table, rows)
    search.look_at("run.json", (stack.path / "run.json").read_bytes())
    redis = Redis.from_url(stack.redis_url)
    try:
        async for key, value in read_keys(redis):
            search.look_at(key, value)
        shutil.copytree(stack.path / "valkey", folder / "valkey-before")
        await redis.bgrewriteaof()
        while (await redis.info("persistence"))["aof_rewrite_in_progress"]:
            pass
    finally:
        await redis.aclose()
    return await list_toast_paths(stack.database_urls["postgres"])


async def test_no_canary_is_left_in_the_clear_anywhere(tmp_path: Path) -> None:
    search = await leave_traces(tmp_path, our_command())
    assert sorted(search.findings) == []
    assert search.bytes_searched > 50_000_000
    assert search.unpacked["pglz"] > 50
    shutil.rmtree(tmp_path / "data")


async def test_without_sealing_the_same_search_finds_every_canary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace: Callable[[object, str, object], None] = monkeypatch.setattr
    unseal(replace)
    search = await leave_traces(tmp_path, our_command(UNSEALED))
    assert search.list_canaries() == EVERYTHING
    # In each kind of place by itself: one that the search cannot read would look clean for ever.
    assert search.list_canaries("table ") == EVERYTHING
    assert search.list_canaries("postgres/base") == EVERYTHING
    assert search.list_canaries("postgres/pg_wal") == EVERYTHING
    assert search.list_canaries("redis ") >= {"email", "document"}
    assert search.list_canaries("valkey/") == OF_PEOPLE  # of what was listed, ids alone go through the queue
    assert {finding.place.rpartition(".")[2] for finding in search.findings if "valkey/" in finding.place} == {
        "aof", "rdb",
    }  # fmt: skip
    assert any(finding.form.startswith("lzf: ") for finding in search.findings)
    # The rest does not depend on sealing: it must be clean all the same.
    assert search.list_canaries("logs/", "run.json", "receiver/", "answer ", "operator.env") == set()
    shutil.rmtree(tmp_path / "data")
