"""Everything the sandbox holds: stores, weather, runs, and the demo's background traffic."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any, Protocol

from scripts.sandbox.access import AppKey, read_permissions
from scripts.sandbox.call_limit import CallLimit
from scripts.sandbox.deliveries import Courier, Retries
from scripts.sandbox.faults import Weather
from scripts.sandbox.inline import InlineEndpoint
from scripts.sandbox.plan import read_mix
from scripts.sandbox.stocking import HISTORY_DAYS, History
from scripts.sandbox.store import Store
from scripts.sandbox.times import WorldClock, from_us, parse_us
from scripts.sandbox.traffic import IN_FLIGHT_MAX, Job, Run
from scripts.sandbox.vtex_api import read_hook

# As many orders end as begin, so that a sandbox left alone does not grow.
_DEMO_MIX = {"new_objects": 0.09}


class Neighbour(Protocol):
    """Another provider, which has a demo of its own."""

    async def start_demo(self, body: Mapping[str, Any]) -> None: ...

    async def stop_demo(self) -> None: ...


class World:
    def __init__(self, seed: int, median_ms: float, courier: Courier) -> None:
        self.seed = seed
        self.courier = courier
        self.weather = Weather(median_ms, seed)
        self.stores: dict[str, Store] = {}
        self.runs: dict[str, Run] = {}
        self.demo: Run | None = None
        self.clock = WorldClock()
        self.neighbours: list[Neighbour] = []
        self._ids = count(1)

    def put_account(self, account: str, body: dict[str, Any]) -> Store:
        """Makes the account or changes what is given of it. Raises ValueError or KeyError for a wrong body."""
        store = self.stores.get(account)
        if store is None:
            store = self.stores[account] = Store(account, self.seed, self.clock)
        _set_options(store, body)
        _stock(store, body)
        if "app_key" in body:
            _put_key(store, body)
        if "trigger_url" in body:
            store.trigger_url = body["trigger_url"]
        if "inline" in body:
            inline = body["inline"]
            store.inline = InlineEndpoint(str(inline["url"]), str(inline["secret"])) if inline else None
        if "hook" in body:  # without the ping that the real route makes
            _put_hook(store, str(body["app_key"]), body["hook"], body.get("filter"))
        return store

    def start_run(self, body: dict[str, Any]) -> Run:
        """A counted run. Raises ValueError for a wrong body."""
        run_id = str(next(self._ids))
        run = self._make_run(run_id, body, events=int(body["events"]))
        self.runs[run_id] = run
        return run

    async def start_demo(self, body: dict[str, Any]) -> Run:
        """Background traffic until stopped; takes the place of the one before."""
        await self.stop_demo()
        self.demo = self._make_run(
            "demo", {"rate": 5, **body, "mix": {**_DEMO_MIX, **body.get("mix", {})}}, events=None
        )
        for neighbour in self.neighbours:
            await neighbour.start_demo(body)
        return self.demo

    async def stop_demo(self) -> None:
        if self.demo is not None:
            await self.demo.stop()
            self.demo = None
        for neighbour in self.neighbours:
            await neighbour.stop_demo()

    async def close(self) -> None:
        await self.stop_demo()
        for run in self.runs.values():
            await run.stop()

    def _make_run(self, run_id: str, body: dict[str, Any], *, events: int | None) -> Run:
        rate = float(body.get("rate", 0))
        if rate < 0 or (events is not None and events < 1):
            raise ValueError("events is at least 1, rate not negative")
        job = Job(
            events=events,
            rate=rate,
            mix=read_mix(body.get("mix") or {}),
            seed=int(body.get("seed", self.seed)),
            retries=Retries(**body.get("retries", {})),
            in_flight=int(body.get("in_flight", IN_FLIGHT_MAX if rate else 128)),
        )
        return Run(run_id, job, self._choose_stores(body.get("accounts")), self.courier)

    def _choose_stores(self, accounts: Iterable[str] | None) -> list[Store]:
        names = list(accounts) if accounts is not None else list(self.stores)
        unknown = [name for name in names if name not in self.stores]
        if unknown or not names:
            raise ValueError(f"accounts: unknown or none: {', '.join(unknown)}")
        return [self.stores[name] for name in names]


def _set_options(store: Store, body: dict[str, Any]) -> None:
    store.has_data_protection_plus = bool(body.get("data_protection_plus", store.has_data_protection_plus))
    store.is_offline = bool(body.get("offline", store.is_offline))
    if "call_limit" in body:
        store.meter.set_limit(CallLimit.read(body["call_limit"]) if body["call_limit"] else None)
    store.objects_kept_max = int(body.get("objects_kept_max", store.objects_kept_max))
    store.orders.index.lag_s = float(body.get("index_lag_s", store.orders.index.lag_s))
    store.customers.index.lag_s = float(body.get("search_lag_s", store.customers.index.lag_s))


def _stock(store: Store, body: dict[str, Any]) -> None:
    """What is missing of `customers` and `orders`, over the `history_days` until `stocked_until`."""
    customers = max(0, int(body.get("customers", 0)) - len(store.customers))
    orders = max(0, int(body.get("orders", 0)) - len(store.orders))
    if not customers and not orders:
        return
    if "stock_seed" in body:
        if store.stock_seed not in (None, int(body["stock_seed"])):
            raise ValueError("stock_seed: the account was stocked with another")
        store.stock_seed = int(body["stock_seed"])
    until = from_us(parse_us(body["stocked_until"])) if "stocked_until" in body else datetime.now(UTC)
    store.stock(customers, orders, History.before(until, float(body.get("history_days", HISTORY_DAYS))))


def _put_key(store: Store, body: dict[str, Any]) -> None:
    app_key, token = str(body["app_key"]), str(body["app_token"])
    known = None if body.get("replaces_keys", False) else store.keys.get(app_key)
    if "permissions" in body:
        known = AppKey(token, read_permissions(body["permissions"]))
    if body.get("replaces_keys", False):
        store.keys.clear()
    store.keys[app_key] = known._replace(token=token) if known else AppKey(token)


def _put_hook(store: Store, app_key: str, hook: Any, rules: Any) -> None:
    if hook:
        store.set_hook(read_hook({"filter": rules, "hook": hook}, app_key))
    else:
        store.hooks.pop(app_key, None)
