"""Meta's Graph API as far as it is needed: the token, the ad account, pages of insights, and reports made for later.

The token goes in a header, never in an address; the one exception is `debug_token`, which takes it no other way. Usage
headers are obeyed after every answer. Errors are those of app.core.errors: what `Outbound.call` raises, with what the
body says of it; TooMuchAskedError asks for fewer days.
"""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode

from app.connectors.facebook_ads.access import FacebookAccess, prove
from app.connectors.facebook_ads.errors import classify, judge_answer
from app.connectors.facebook_ads.usage import find_pause_s
from app.connectors.reading import JsonObject, parse_json
from app.connectors.verdict import ErrorAnswer, make_error
from app.core.errors import MappingError, ObjectFailedError
from app.core.outbound import Outbound, Priority, Route

PROVIDER = "facebook_ads"
Params = Mapping[str, str]


class _Ask(NamedTuple):
    route: str
    path: str
    params: Params
    priority: Priority = "batch"
    method: str = "GET"


class FacebookClient:
    """`base_url`: of the Graph API, without the version. `version`: as in `v25.0`."""

    def __init__(self, outbound: Outbound, *, base_url: str, version: str) -> None:
        self._outbound = outbound
        self._base_url = f"{base_url.rstrip('/')}/{version}"

    async def get_account(self, access: FacebookAccess, *, priority: Priority = "batch") -> JsonObject:
        """`account_id`, `name`, `account_status` (1 is active), `currency`, `timezone_name`."""
        fields = {"fields": "account_id,name,account_status,currency,timezone_name"}
        return JsonObject(await self._call(access, _Ask("get_account", access.account, fields, priority)))

    async def debug_token(self, access: FacebookAccess) -> JsonObject:
        """What Meta knows of the token: `is_valid`, `app_id`, `scopes`, `expires_at`, `data_access_expires_at`. It
        takes the app's secret. Raises MappingError without one."""
        if not access.app_secret:
            raise MappingError("app_secret", "is missing")
        as_app = access._replace(access_token=f"{access.app_id}|{access.app_secret}", app_secret=None)
        ask = _Ask("debug_token", "debug_token", {"input_token": access.access_token}, "live")
        return JsonObject(await self._call(as_app, ask)).get_object("data")

    async def list_insights(self, access: FacebookAccess, params: Params, report_id: str | None = None) -> object:
        """A page of an account's insights, or of a report that is ready."""
        place = access.account if report_id is None else report_id
        return await self._call(access, _Ask("insights", f"{place}/insights", params))

    async def start_report(self, access: FacebookAccess, params: Params) -> str:
        """Has a report made; its id."""
        ask = _Ask("start_report", f"{access.account}/insights", params, method="POST")
        report_id = JsonObject(await self._call(access, ask)).find_text("report_run_id", chars_max=40)
        if report_id is None or not report_id.isascii() or not report_id.isdecimal():
            raise ObjectFailedError("facebook_ads start_report: the answer has no id", status=200)
        return report_id

    async def look_at_report(self, access: FacebookAccess, report_id: str) -> JsonObject:
        """`async_status` and `async_percent_completion`. Raises as an error what a failed report says of itself."""
        return JsonObject(await self._call(access, _Ask("look_at_report", report_id, {})))

    async def _call(self, access: FacebookAccess, ask: _Ask) -> object:
        name = f"{PROVIDER} {ask.route} of {access.account}"
        params = dict(ask.params)
        if access.app_secret:
            params["appsecret_proof"] = prove(access.app_secret, access.access_token)
        query = urlencode(params)
        is_get = ask.method == "GET"
        headers = {"Authorization": f"Bearer {access.access_token}", "Accept": "application/json"}
        if not is_get:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        route = Route(PROVIDER, ask.route, access.account, counted_by=access.counted_by)
        answer = await self._outbound.call(
            route,
            ask.method,
            f"{self._base_url}/{ask.path}" + (f"?{query}" if query and is_get else ""),
            headers=headers,
            content=None if is_get else query.encode(),
            priority=ask.priority,
            judge=lambda refusal: judge_answer(name, refusal),
        )
        pause_s = find_pause_s(answer.headers)
        if pause_s:
            await self._outbound.pause(route, pause_s)
        try:
            document = parse_json(answer.body)
        except MappingError as error:
            raise ObjectFailedError(f"{name}: the answer {error.problem}", status=answer.status) from None
        verdict = classify(ErrorAnswer(answer.status, answer.headers, document))
        if verdict is not None:
            raise make_error(name, answer.status, verdict)
        return document
