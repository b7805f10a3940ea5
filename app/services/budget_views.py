"""How much of a provider account's budget of calls is free, and whether a 429 has cut the share of batch work."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from app.connectors.registry import list_connectors
from app.core.budget_state import BudgetState, read_budget
from app.core.queue_runner import queue_errors
from app.services.office import Office
from db.integrations import list_integrations


class BudgetPlace(NamedTuple):
    """Whose: an integration's connector, account and configuration."""

    connector: str
    account: str
    config: Mapping[str, object]


class AccountBudget(NamedTuple):
    """Of `account`, and of all that the provider counts with it. `calls_free` of `calls_max`: what could be asked at
    once; `calls_per_minute` flow in. `batch_share`: of what batch work may have, below 1 while what a 429 halved comes
    back. `closed_s`: how long nobody calls the account."""

    connector: str
    account: str
    calls_per_minute: int
    calls_free: int
    calls_max: int
    batch_share: float
    closed_s: float

    @property
    def is_cut(self) -> bool:
        return self.batch_share < 1

    @property
    def is_closed(self) -> bool:
        return self.closed_s > 0

    @property
    def share_used(self) -> float:
        """0 to 1."""
        return 1 - self.calls_free / self.calls_max if self.calls_max else 0.0


async def read_budgets(office: Office, places: Iterable[BudgetPlace]) -> list[AccountBudget]:
    """Each account's once; those of connectors that do not say what their calls are counted by are left out. Raises
    QueueUnavailableError when the cache Redis is away."""
    wanted = {(place.connector, place.account): key for place in places if (key := _find_key(place)) is not None}
    with queue_errors():
        return [
            _show(*named, await read_budget(office.cache, office.settings, key))
            for named, key in sorted(wanted.items())
        ]


async def read_tenant_budgets(office: Office, tenant_id: int) -> list[AccountBudget]:
    """Of the accounts that a tenant's integrations use. Raises as `read_budgets`."""
    async with office.database.tenant_tx(tenant_id, "budgets") as connection:
        rows = await list_integrations(connection, tenant_id)
    places = [BudgetPlace(row.connector, row.account, row.config) for row in rows if row.status != "deleted"]
    return await read_budgets(office, places)


def _find_key(place: BudgetPlace) -> str | None:
    connector = list_connectors().get(place.connector)
    if connector is None or connector.name_budget is None:
        return None
    config = {name: str(value) for name, value in place.config.items()}
    return f"{place.connector}:{connector.name_budget(place.account, config)}"


def _show(connector: str, account: str, state: BudgetState) -> AccountBudget:
    return AccountBudget(
        connector, account, state.calls_per_minute, state.calls, max(1, state.calls_per_minute // 6),
        round(state.batch_share, 3), state.closed_s,
    )  # fmt: skip
