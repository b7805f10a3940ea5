"""The sandbox's own routes under /_sandbox/: accounts, traffic, single changes, faults, and what is true now."""

from collections.abc import Awaitable, Callable
from typing import Any

from scripts.sandbox.asgi import Reply, Request, answer_json
from scripts.sandbox.deliveries import Retries, Tally
from scripts.sandbox.faults import Fault
from scripts.sandbox.fingerprints import list_fingerprints
from scripts.sandbox.inline import make_inline_customer
from scripts.sandbox.mutations import mutate
from scripts.sandbox.notices import Notice
from scripts.sandbox.store import Store
from scripts.sandbox.truth import list_truth, list_truth_of_run
from scripts.sandbox.world import World

_IDS_PAGE_MAX = 100_000
_LOST_FIELDS = ("account", "kind", "object_id")

Handler = Callable[[Request], Awaitable[Reply]]


class ControlApi:
    def __init__(self, world: World) -> None:
        self._world = world
        self._routes: dict[tuple[str, str], Handler] = {
            ("GET", ""): self._show,
            ("GET", "accounts"): self._show_accounts,
            ("PUT", "accounts"): self._put_accounts,
            ("POST", "traffic"): self._start_traffic,
            ("GET", "traffic"): self._show_traffic,
            ("DELETE", "traffic"): self._stop_traffic,
            ("POST", "demo"): self._start_demo,
            ("DELETE", "demo"): self._stop_demo,
            ("POST", "changes"): self._change,
            ("POST", "mutate"): self._mutate,
            ("POST", "clock"): self._set_clock,
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("GET", "expected"): self._show_truth,
            ("GET", "calls"): self._show_calls,
            ("GET", "fingerprints"): self._show_fingerprints,
        }

    async def answer(self, request: Request) -> Reply:
        handler = self._routes.get((request.method, request.parts[1] if len(request.parts) > 1 else ""))
        if handler is None:
            return answer_json({"error": "no such control route"}, 404)
        try:
            return await handler(request)
        except (ValueError, TypeError, KeyError, AttributeError, LookupError) as error:
            return answer_json({"error": f"{type(error).__name__}: {error}"}, 400)

    async def _show(self, _: Request) -> Reply:
        demo = self._world.demo
        return answer_json(
            {
                "accounts": {name: _show_store(store) for name, store in self._world.stores.items()},
                "runs": list(self._world.runs),
                "demo": demo.show() if demo else None,
                "latency_ms": self._world.weather.median_ms,
            }
        )

    async def _show_accounts(self, _: Request) -> Reply:
        return answer_json({name: _show_store(store) for name, store in self._world.stores.items()})

    async def _put_accounts(self, request: Request) -> Reply:
        body = await request.read_json()
        stores = {name: self._world.put_account(name, fields) for name, fields in body.items()}
        return answer_json({name: _show_store(store) for name, store in stores.items()})

    async def _start_traffic(self, request: Request) -> Reply:
        run = self._world.start_run(await request.read_json())
        return answer_json(run.show(), 202)

    async def _show_traffic(self, request: Request) -> Reply:
        """`/traffic/{id}?wait_s=` the figures; `/traffic/{id}/accepted?account=&offset=&limit=` the event ids;
        `/traffic/{id}/lost` what was never told."""
        run = self._world.runs.get(request.parts[2])
        if run is None:
            return answer_json({"error": "no such run"}, 404)
        query = request.query
        if len(request.parts) == 3:
            if "wait_s" in query:
                await run.wait(min(float(query["wait_s"]), 60.0))
            return answer_json(run.show())
        if request.parts[3] == "lost":
            return answer_json([dict(zip(_LOST_FIELDS, one, strict=True)) for one in run.tally.lost_objects])
        if "account" not in query:
            return answer_json({account: len(ids) for account, ids in run.tally.accepted_ids.items()})
        offset, limit = int(query.get("offset", "0")), min(int(query.get("limit", "10000")), _IDS_PAGE_MAX)
        ids = run.tally.accepted_ids.get(query["account"], [])
        return answer_json({"total": len(ids), "ids": ids[offset : offset + limit]})

    async def _stop_traffic(self, request: Request) -> Reply:
        run = self._world.runs.get(request.parts[2])
        if run is None:
            return answer_json({"error": "no such run"}, 404)
        await run.stop()
        return answer_json(run.show())

    async def _start_demo(self, request: Request) -> Reply:
        return answer_json((await self._world.start_demo(await request.read_json())).show(), 202)

    async def _stop_demo(self, _: Request) -> Reply:
        await self._world.stop_demo()
        return answer_json({})

    async def _change(self, request: Request) -> Reply:
        """Makes one change and, unless `deliver` is false, tells of it; `times` sends the same notice again."""
        body = await request.read_json()
        store = self._world.stores[body["account"]]
        object_id, make_notices = _make_change(store, body)
        deliveries = []
        for notice in make_notices() if body.get("deliver", True) else ():
            for _ in range(int(body.get("times", 1))):
                tally = Tally(keeps_ids=False)
                status, answer = await self._world.courier.deliver(notice, tally, Retries(tries_max=1))
                deliveries.append({"status": status, "answer": answer})
        return answer_json({"object_id": object_id, "deliveries": deliveries})

    async def _mutate(self, request: Request) -> Reply:
        body = await request.read_json()
        return answer_json({"ids": mutate(self._world.stores[body["account"]], body)})

    async def _set_clock(self, request: Request) -> Reply:
        """`advance_s` moves the world's clock forward, `rate` lets it run faster."""
        body = await request.read_json()
        self._world.clock.advance(float(body.get("advance_s", 0)))
        if "rate" in body:
            self._world.clock.set_rate(float(body["rate"]))
        return answer_json({"now_s": self._world.clock.now_s()})

    async def _add_fault(self, request: Request) -> Reply:
        """A fault; `not_readable_ms` and `latency_ms` are settings beside it."""
        body = await request.read_json()
        if "latency_ms" in body:
            self._world.weather.median_ms = float(body["latency_ms"])
        if "not_readable_ms" in body:
            account = body.get("account")
            for store in [self._world.stores[account]] if account else self._world.stores.values():
                store.unreadable_s = float(body["not_readable_ms"]) / 1000
        if "kind" in body or "status" in body:
            self._world.weather.add(Fault(body))
        return answer_json({})

    async def _clear_faults(self, _: Request) -> Reply:
        self._world.weather.clear()
        for store in self._world.stores.values():
            store.unreadable_s = 0.0
            store.readable_at.clear()
        return answer_json({})

    async def _show_truth(self, request: Request) -> Reply:
        """`?account=&kind=order|customer&limit=`: what is true now; `run=`: only what that run told of."""
        query = request.query
        kind, limit = query.get("kind", "order"), int(query.get("limit", "100"))
        store = self._world.stores[query["account"]]
        if "run" in query:
            touched = self._world.runs[query["run"]].tally.touched
            return answer_json(list_truth_of_run(store, kind, touched, limit))
        return answer_json(list_truth(store, kind, limit))

    async def _show_calls(self, _: Request) -> Reply:
        """What was asked of each account."""
        return answer_json(
            {
                name: {
                    "by_route": store.meter.by_route,
                    "over_limit": store.meter.refused,
                    "open_scrolls": len(store.scrolls),
                }
                for name, store in self._world.stores.items()
            }
        )

    async def _show_fingerprints(self, request: Request) -> Reply:
        query = request.query
        store, kind = self._world.stores[query["account"]], query["kind"]
        after, limit = int(query.get("after", "0")), int(query.get("limit", "10000"))
        return answer_json(list_fingerprints(store, kind, max(after, 0), max(limit, 1)))


def _show_store(store: Store) -> dict[str, Any]:
    return {
        "orders": len(store.orders),
        "customers": len(store.customers),
        "app_keys": list(store.keys),
        "permissions": {app_key: sorted(key.permissions) for app_key, key in store.keys.items()},
        "hooks": {app_key: hook.url for app_key, hook in store.hooks.items()},
        "has_hook": bool(store.hooks),
        "has_trigger": store.trigger_url is not None,
        "has_inline": store.inline is not None,
        "data_protection_plus": store.has_data_protection_plus,
        "offline": store.is_offline,
    }


def _make_change(store: Store, body: dict[str, Any]) -> tuple[str, Callable[[], list[Notice]]]:
    """`kind` order, customer or inline; `object_id` (new when not given); `action` or `patch` (objects merged)."""
    kind, action, patch = body["kind"], body.get("action", "advance"), body.get("patch")
    object_id = body.get("object_id")
    if kind == "order":
        order = store.orders.get(object_id) if object_id else store.create_order()
        if patch is not None:
            store.patch_order(order, patch)
        elif object_id and action == "advance" and not order.is_finished:
            store.advance_order(order)
        return order.order_id, lambda: store.make_order_notices(order)
    if kind == "customer":
        customer = store.customers.get(object_id) if object_id else store.create_customer()
        if action == "delete":
            store.delete_customer(customer)
        elif object_id or patch is not None:
            store.update_customer(customer, patch)
        return customer.document_id, lambda: store.make_customer_notices(customer)
    if store.inline is None:
        raise ValueError("the account has no inline endpoint")
    external_id = str(object_id or f"c-{store.random.randrange(10**9)}")
    notice = make_inline_customer(store.account, store.inline, store.random, external_id)
    return external_id, lambda: [notice]
