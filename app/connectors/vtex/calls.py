"""One call to a VTEX account: address, headers, priority, and the answer as JSON.

Errors are those of app.core.errors: what `Outbound.call` raises, and ObjectFailedError for an answer that is no JSON.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple
from urllib.parse import quote

from app.connectors.reading import parse_json
from app.connectors.vtex.account import build_base_url
from app.connectors.vtex.errors import THROTTLE_S
from app.core.errors import MappingError, ObjectFailedError
from app.core.outbound import Answer, Outbound, Priority, Route

PROVIDER = "vtex"
JSON_HEADERS = {"Accept": "application/json", "Content-Type": "application/json"}


class Place(NamedTuple):
    """Whose data, where, in whose name, and how urgent."""

    account: str
    base_url: str
    headers: Mapping[str, str]
    priority: Priority


class Calls:
    """`url_template`: of an account's address, with `{account}` and `{environment}`."""

    def __init__(self, outbound: Outbound, url_template: str) -> None:
        self.outbound = outbound
        self.url_template = url_template

    def find_place(self, account: str, environment: str, credentials: Mapping[str, str], priority: Priority) -> Place:
        """`credentials` are the declared ones. Raises MappingError for an account that makes no address."""
        headers = {
            "X-VTEX-API-AppKey": credentials["app_key"],
            "X-VTEX-API-AppToken": credentials["app_token"],
            **JSON_HEADERS,
        }
        return Place(account, build_base_url(self.url_template, account, environment), headers, priority)

    async def get(self, place: Place, route: str, path: str, *, rest_range: str | None = None) -> object:
        """The decoded answer of a GET; None for an empty one."""
        return decode(await self.call(place, route, "GET", path, rest_range=rest_range), place, route)

    async def call(
        self,
        place: Place,
        route: str,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        rest_range: str | None = None,
        also: Collection[int] = (),
    ) -> Answer:
        """`also`: statuses besides 2xx that are answers to the caller and no errors."""
        headers = place.headers if rest_range is None else {**place.headers, "REST-Range": rest_range}
        return await self.outbound.call(
            Route(PROVIDER, route, place.account, THROTTLE_S),
            method,
            place.base_url + path,
            headers=headers,
            content=content,
            priority=place.priority,
            also=also,
        )


def decode(answer: Answer, place: Place, route: str) -> object:
    """The JSON of an answer; None for an empty one."""
    if not answer.body.strip():
        return None
    try:
        return parse_json(answer.body)
    except MappingError as error:
        message = f"vtex {route} of {place.account}: the answer {error.problem}"
        raise ObjectFailedError(message, status=answer.status) from None


def quote_id(object_id: str) -> str:
    return quote(object_id, safe="")
