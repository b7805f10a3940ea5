"""What budgets do, as metrics whose labels name no account."""

from collections import OrderedDict

from prometheus_client import Counter, Gauge, Histogram

PAUSES = Counter(
    "acequia_provider_pauses", "Pauses that providers asked for by 429: batch work is halved", ["provider"]
)
BATCH_SHARE = Gauge(
    "acequia_provider_batch_share",
    "Smallest batch share of any account this process calls; 1: none is cut",
    ["provider"],
)
BATCH_WAIT_SECONDS = Histogram(
    "acequia_provider_batch_wait_seconds",
    "How long batch calls waited for the budget of their account",
    ["provider"],
    buckets=(0.005, 0.02, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0),
)


class KnownShares:
    """The cut shares of the accounts that a process calls, as a gauge by provider. `accounts_max` bounds them."""

    def __init__(self, accounts_max: int = 1_000) -> None:
        self._accounts_max = accounts_max
        self._cut: OrderedDict[str, float] = OrderedDict()

    def get(self, account_key: str) -> float:
        return self._cut.get(account_key, 1.0)

    def note(self, account_key: str, share: float) -> None:
        if share >= 1 and account_key not in self._cut:
            return
        self._cut.pop(account_key, None)
        if share < 1:
            self._cut[account_key] = share
            if len(self._cut) > self._accounts_max:
                self._cut.popitem(last=False)
        provider = account_key.partition(":")[0]
        shares = (value for key, value in self._cut.items() if key.startswith(f"{provider}:"))
        BATCH_SHARE.labels(provider).set(min(shares, default=1.0))
