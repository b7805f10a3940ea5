"""How much of a provider account's budget of calls is free, and whether a 429 has cut the share of batch work."""

from collections.abc import Iterable
from typing import NamedTuple

from app.core.budget_state import BudgetState, read_budget
from app.core.queue_runner import queue_errors
from app.services.office import Office
from db.integrations import list_integrations

BUDGETED = frozenset({"vtex"})  # providers whose calls have a budget: app/core/limits.py


class AccountBudget(NamedTuple):
    """`calls_free` of `calls_max`: what could be asked at once; `calls_per_minute` flow in. `batch_share`: of what
    batch work may have, below 1 while what a 429 halved comes back. `closed_s`: how long nobody calls the account."""

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


async def read_budgets(office: Office, accounts: Iterable[tuple[str, str]]) -> list[AccountBudget]:
    """Of (connector, account), once each; those of providers without a budget are left out. Raises
    QueueUnavailableError when the cache Redis is away."""
    wanted = sorted({place for place in accounts if place[0] in BUDGETED})
    with queue_errors():
        return [
            _show(connector, account, await read_budget(office.cache, office.settings, f"{connector}:{account}"))
            for connector, account in wanted
        ]


async def read_tenant_budgets(office: Office, tenant_id: int) -> list[AccountBudget]:
    """Of the accounts that a tenant's integrations use. Raises as `read_budgets`."""
    async with office.database.tenant_tx(tenant_id, "budgets") as connection:
        rows = await list_integrations(connection, tenant_id)
    return await read_budgets(office, ((row.connector, row.account) for row in rows if row.status != "deleted"))


def _show(connector: str, account: str, state: BudgetState) -> AccountBudget:
    return AccountBudget(
        connector, account, state.calls_per_minute, state.calls, max(1, state.calls_per_minute // 6),
        round(state.batch_share, 3), state.closed_s,
    )  # fmt: skip
