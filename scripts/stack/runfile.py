"""DIR/run.json: what runs and how to reach it, for scripts, tests and the CLI. Mode 0600: it holds secrets."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NotRequired, TypedDict

from scripts.stack.passwords import write_private

NAME = "run.json"


class DemoEndpoint(TypedDict):
    """An endpoint of a demo tenant. `header_name`: where the secret goes; None where the address is the secret."""

    kind: str
    url: str
    header_name: str | None
    secret: str | None


class DemoTenant(TypedDict):
    tenant_id: int
    name: str
    endpoints: list[DemoEndpoint]


class DashboardPerson(TypedDict):
    """Somebody who can sign in to the dashboard. `tenant_id`: where the role holds; None: the platform."""

    email: str
    role: str
    tenant_id: int | None


class RunFile(TypedDict):
    """`api_key`: a platform admin's, for the API at `web_url`. `people`: whose password `dashboard-password` holds."""

    receiver_url: str
    web_url: str
    dashboard_url: str
    sandbox_url: str
    api_key: str
    redis_url: str
    database_urls: Mapping[str, str]
    processes: Mapping[str, Sequence[int]]
    people: NotRequired[Sequence[DashboardPerson]]
    tenants: NotRequired[Sequence[DemoTenant]]


def write_run_file(folder: Path, content: RunFile) -> None:
    write_private(folder / NAME, json.dumps(content, indent=1))


def read_run_file(folder: Path) -> RunFile | None:
    """None when nothing wrote one, or it is gone again."""
    try:
        content: RunFile = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return content


def remove_run_file(folder: Path) -> None:
    (folder / NAME).unlink(missing_ok=True)
