"""The HTTP API as the command line calls it: for what the operator's database role may not read."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from scripts.cli.session import CommandError, load_operator_environment

URL, KEY = "ACEQUIA_URL", "ACEQUIA_API_KEY"
TIMEOUT_S = 30.0


class ApiClient:
    """Answers as decoded JSON. What the API refuses is raised as CommandError with the API's own sentence."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def get(self, path: str, params: Mapping[str, object | None]) -> dict[str, Any]:
        """`path`: below /api/v2. Members of `params` that are None are left out."""
        named = {name: str(value) for name, value in params.items() if value is not None}
        try:
            answer = await self._client.get(path, params=named)
        except httpx.HTTPError as error:
            raise CommandError(
                f"The API on {self._client.base_url.host} does not answer ({type(error).__name__}): is web up, and is"
                f" {URL} its address?"
            ) from None
        return read_answer(answer)


@asynccontextmanager
async def open_api() -> AsyncIterator[ApiClient]:
    """Raises CommandError when nobody said where the API is or who calls."""
    load_operator_environment()
    url, key = os.environ.get(URL, ""), os.environ.get(KEY, "")
    if not url or not key:
        raise CommandError(
            f"Records are read through the API: set {URL} to the web process's address and {KEY} to a key that may"
            " (`acequia keys create`)."
        )
    if not url.startswith(("http://", "https://")):
        raise CommandError(f"{URL} must begin with https:// or http://.")
    headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
    async with httpx.AsyncClient(
        base_url=f"{url.rstrip('/')}/api/v2", headers=headers, timeout=TIMEOUT_S, trust_env=False
    ) as client:
        yield ApiClient(client)


def read_answer(answer: httpx.Response) -> dict[str, Any]:
    """The decoded body. Raises CommandError: a problem's sentence, its fields, and the id to ask the operator by."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise CommandError(f"The API answered {answer.status_code} and no JSON: does {URL} lead to Acequia's web?")
    if answer.is_success:
        return body
    fields = [f"{error.get('pointer')}: {error.get('detail')}" for error in body.get("errors") or ()]
    sentence = "; ".join(fields) or str(body.get("detail") or body.get("title") or "no reason given")
    hint = {401: f" Is {KEY} right?", 403: " The key's role may not do this."}.get(answer.status_code, "")
    raise CommandError(f"{sentence}{hint} (status {answer.status_code}, request {body.get('request_id', '?')})")
