"""The document's tenant 60: a trial with 1,286 customers where its type allows 1,000. It is loaded as it is, past the
limit, so that the demo shows what a limit does: known customers go on, new ones wait."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from app.connectors.vtex.mapping import MAPPER_VERSION, map_customer
from app.services.apply import Observation, apply_batch
from app.services.keyring import open_keyring
from db.counters import list_counters
from db.pool import Database
from scripts.sandbox.customers import Customer
from scripts.sandbox.seeds import mix
from scripts.stack.demo_tenants import BRANDS

if TYPE_CHECKING:
    from scripts.stack.stack import Stack

TRIAL, CUSTOMERS = 60, 1_286
BATCH = 500
HISTORY = timedelta(days=20)
SEED = 60


async def fill_trial(stack: "Stack") -> int:
    """Customers as they came before the limit was there; how many were written. What is there is kept."""
    settings = stack.settings("worker")
    [brand] = [brand for brand in BRANDS if brand.tenant_id == TRIAL]
    keyring = await open_keyring(settings)
    try:
        async with await Database.open(settings, application_name="acequia demo") as database:
            async with database.tenant_tx(TRIAL, "demo") as connection:
                if (await list_counters(connection, TRIAL)).get("customers", 0) >= CUSTOMERS:
                    return 0
            keys = await keyring.keys_of(TRIAL)
            now = datetime.now(UTC)
            observations = make_observations(brand.account, now)
            for at in range(0, CUSTOMERS, BATCH):
                await apply_batch(database, keys, [], observations[at : at + BATCH], writer="bulk", now=now)
    finally:
        await keyring.close()
    return CUSTOMERS


def make_observations(account: str, now: datetime) -> list[Observation]:
    """The same people every time."""
    begin = (now - HISTORY).replace(microsecond=0)
    customers = [Customer(account, mix(SEED, number), number, begin) for number in range(CUSTOMERS)]
    return [Observation("vtex", account, map_customer(one.client), MAPPER_VERSION, begin) for one in customers]
