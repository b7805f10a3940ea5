"""The document's tenant 60: a trial with 1,286 customers where its type allows 1,000. They are those of its store at
the sandbox, loaded as they are, so that the demo shows what a limit does: known customers go on, new ones wait."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from app.connectors.vtex.mapping import MAPPER_VERSION, map_customer
from app.services.apply import Observation, apply_batch
from app.services.keyring import open_keyring
from db.counters import list_counters
from db.pool import Database
from scripts.sandbox.stocking import HISTORY_DAYS, History
from scripts.sandbox.store import Store
from scripts.sandbox.times import WorldClock
from scripts.stack.demo import read_creation_times
from scripts.stack.demo_tenants import BRANDS
from scripts.stack.demo_volumes import CUSTOMERS, TRIAL

if TYPE_CHECKING:
    from scripts.stack.stack import Stack

BATCH = 500
SEEN_BEFORE = timedelta(days=20)


async def fill_trial(stack: "Stack") -> int:
    """Customers as they came before the limit was there; how many were written. What is there is kept."""
    settings = stack.settings("worker")
    created_at = (await read_creation_times(stack))[TRIAL]
    [brand] = [brand for brand in BRANDS if brand.tenant_id == TRIAL]
    keyring = await open_keyring(settings)
    try:
        async with await Database.open(settings, application_name="acequia demo") as database:
            async with database.tenant_tx(TRIAL, "demo") as connection:
                if (await list_counters(connection, TRIAL)).get("customers", 0) >= CUSTOMERS[TRIAL]:
                    return 0
            keys = await keyring.keys_of(TRIAL)
            now = datetime.now(UTC)
            observations = make_observations(brand.account, created_at, now - SEEN_BEFORE)
            for at in range(0, len(observations), BATCH):
                await apply_batch(database, keys, [], observations[at : at + BATCH], writer="bulk", now=now)
    finally:
        await keyring.close()
    return len(observations)


def make_observations(account: str, stocked_until: datetime, seen_at: datetime) -> list[Observation]:
    """All customers of its store, as they are before anything happens there."""
    store = Store(account, TRIAL, WorldClock())
    store.stock(CUSTOMERS[TRIAL], 0, History.before(stocked_until, HISTORY_DAYS))
    return [
        Observation("vtex", account, map_customer({**one.client, "addresses": one.addresses}), MAPPER_VERSION, seen_at)
        for one in store.customers.list_newest()
    ]
