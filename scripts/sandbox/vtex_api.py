"""The routes of VTEX that the sandbox answers. Orders and Master Data are in order_routes and master_data."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from scripts.sandbox.access import find_refusal, is_right
from scripts.sandbox.asgi import Reply, Request, answer_json
from scripts.sandbox.deliveries import Courier
from scripts.sandbox.faults import Verdict, Weather
from scripts.sandbox.master_data import scroll_documents, search_documents, show_client
from scripts.sandbox.order_routes import NOT_FOUND, list_orders, show_conversation, show_order
from scripts.sandbox.store import Hook, Store

_OFFLINE = Reply(503, b"<html><body>Service unavailable</body></html>")
_GARBAGE = Reply(200, b"<html><body>Bad gateway</body>")
_STORM = b'{"error":{"code":"0","message":"storm","exception":null}}'

Handler = Callable[[Store, str, Request, Verdict], Reply]
_HANDLERS: dict[str, Handler] = {
    "get_order": lambda store, order_id, _, verdict: show_order(store, order_id, is_stale=verdict.is_stale),
    "get_conversation": lambda store, order_id, _, __: show_conversation(store, order_id),
    "list_orders": lambda store, _, request, __: list_orders(store, request.query),
    "get_customer": lambda store, document_id, request, _: show_client(store, document_id, request.query),
    "search_CL": lambda store, _, request, __: search_documents(store, "CL", request),
    "search_AD": lambda store, _, request, __: search_documents(store, "AD", request),
    "scroll_CL": lambda store, _, request, __: scroll_documents(store, "CL", request),
    "scroll_AD": lambda store, _, request, __: scroll_documents(store, "AD", request),
    "get_hook": lambda store, _, request, __: _show_hook(store, request),
    "delete_hook": lambda store, _, request, __: _delete_hook(store, request),
}


class VtexApi:
    """Answers for all stores; `courier` pings a hook that is being configured."""

    def __init__(self, stores: dict[str, Store], weather: Weather, courier: Courier) -> None:
        self._stores = stores
        self._weather = weather
        self._courier = courier
        self.calls = 0

    async def answer(self, request: Request) -> Reply | None:
        """The reply to `/{account}/api/…`; None when the caller is to wait for ever."""
        self.calls += 1
        store = self._stores.get(request.parts[0])
        if store is None:
            return Reply(404)  # VTEX has no such host
        if store.is_offline:
            return _OFFLINE
        route, object_id = _name_route(request.method, request.parts[2:])
        limited = store.meter.count(route or "unknown")
        if limited is not None:
            return limited
        store.drop_silent_hooks()
        refusal = None if route == "log_in" else find_refusal(store.keys, route, request)
        if refusal is not None:
            return refusal
        if not route:
            return answer_json({"Message": "The sandbox has no such route"}, 404)
        verdict = self._weather.judge(store.account, route, object_id)
        if verdict.delay_s > 0:
            await asyncio.sleep(verdict.delay_s)
        spoilt = _spoil(verdict)
        if verdict.is_hanging and not verdict.is_after:
            return None
        if spoilt is not None and not verdict.is_after:
            return spoilt
        reply = await self._answer_route(store, route, object_id, request, verdict)
        if verdict.is_hanging:
            return None
        if verdict.is_truncated or verdict.is_cut:
            return reply._replace(
                body=reply.body[: len(reply.body) // 2], cut_bytes=len(reply.body) if verdict.is_cut else 0
            )
        return spoilt or reply

    async def _answer_route(
        self, store: Store, route: str, object_id: str, request: Request, verdict: Verdict
    ) -> Reply:
        if route == "log_in":
            return await _log_in(store, request)
        if route == "post_hook":
            return await self._save_hook(store, request)
        return _HANDLERS[route](store, object_id, request, verdict)

    async def _save_hook(self, store: Store, request: Request) -> Reply:
        app_key = request.headers["x-vtex-api-appkey"]
        try:
            hook = read_hook(await request.read_json(), app_key)
        except (ValueError, TypeError, KeyError, AttributeError):
            return answer_json({"error": {"code": "3", "message": "Invalid hook configuration"}}, 400)
        except PermissionError as error:
            return answer_json({"error": {"code": "4", "message": str(error)}}, 409)
        # The address is checked before the configuration is accepted, without the configured headers.
        if not await self._courier.ping(hook.url):
            return answer_json({"error": {"code": "5", "message": "Unable to check address"}}, 400)
        store.set_hook(hook)
        return Reply(200, b"{}")


def _show_hook(store: Store, request: Request) -> Reply:
    hook = store.hooks.get(request.headers["x-vtex-api-appkey"])
    return answer_json(hook.configuration) if hook else NOT_FOUND


def _delete_hook(store: Store, request: Request) -> Reply:
    had_one = store.hooks.pop(request.headers["x-vtex-api-appkey"], None) is not None
    return Reply(200) if had_one else answer_json({"error": {"code": "2", "message": "Value not found"}}, 404)


def read_hook(configuration: Any, app_key: str) -> Hook:
    """The hook of a configuration body. Raises PermissionError for filters that do not go together (VTEX: 409)."""
    url = configuration["hook"]["url"]
    headers = configuration["hook"]["headers"]
    if not isinstance(url, str) or not url.startswith(("http://", "https://")) or not isinstance(headers, dict):
        raise ValueError("hook")
    rules = configuration.get("filter") or {"type": "FromWorkflow"}
    statuses = None
    if rules.get("type", "FromWorkflow") == "FromWorkflow":
        if "expression" in rules or "disableSingleFire" in rules:
            raise PermissionError("expression goes with FromOrders")
        statuses = frozenset(rules["status"]) if rules.get("status") else None
    elif "status" in rules:
        raise PermissionError("status goes with FromWorkflow")
    return Hook(url, {str(name): str(value) for name, value in headers.items()}, statuses, configuration, app_key)


def _spoil(verdict: Verdict) -> Reply | None:
    """The answer that a fault gives in place of the right one."""
    if verdict.is_garbage:
        return _GARBAGE
    if not verdict.status:
        return None
    headers = () if verdict.retry_after_s is None else ((b"retry-after", str(verdict.retry_after_s).encode()),)
    return Reply(verdict.status, _STORM, headers)


def _name_route(method: str, path: list[str]) -> tuple[str, str]:
    """The route's name and the id in it; empty when there is no such route."""
    route = ("", "")
    match method, path:
        case "POST", ["vtexid", "apptoken", "login"]:
            route = ("log_in", "")
        case (("GET" | "POST" | "DELETE"), ["orders", "hook", "config"]):
            route = (f"{method.lower()}_hook", "")
        case "GET", ["oms", "pvt", "orders"]:
            route = ("list_orders", "")
        case "GET", ["oms", "pvt", "orders", order_id]:
            route = ("get_order", order_id)
        case "GET", ["oms", "pvt", "orders", order_id, "conversation-message"]:
            route = ("get_conversation", order_id)
        case "GET", ["dataentities", "CL", "documents", document_id]:
            route = ("get_customer", document_id)
        case "GET", ["dataentities", ("CL" | "AD") as entity, ("search" | "scroll") as way]:
            route = (f"{way}_{entity}", "")
    return route


async def _log_in(store: Store, request: Request) -> Reply:
    try:
        body = await request.read_json()
        is_known = is_right(store.keys, body.get("appkey"), body.get("apptoken"))
    except (ValueError, AttributeError):
        is_known = False
    if not is_known:
        return answer_json({"authStatus": "WrongCredentials"}, 401)
    return answer_json({"authStatus": "Success", "token": "sandbox.token", "expires": int(time.time()) + 21_600})
