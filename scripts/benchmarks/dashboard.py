"""Server time of the dashboard's pages: 1,000 tenants, one of them with 10 million events.

The web process as in production, a platform admin signed in, pages in mixed order: the overview by several sortings and
places; events from the newest, deep down by cursors, by filters, a rare outcome among them; searches by order and by
e-mail. A figure is what the process says of itself (Server-Timing): from the request's headers to the whole answer.
"""

import gc
import re
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from html import unescape
from random import Random
from statistics import median
from typing import Any, NamedTuple, get_args
from urllib.parse import urlencode

import asyncpg
import httpx

from app.services.audit import Actor
from app.services.office import Office, open_office
from app.services.people import create_platform_admin
from app.services.setup import set_up_platform
from db.overview import Sort
from scripts.benchmarks.dashboard_seed import BIG, TENANTS, Seeded, seed
from scripts.benchmarks.installed import open_installation
from scripts.benchmarks.tenants import find_p95, open_queue
from scripts.stack.installation import Installation, read_settings_of
from scripts.stack.part import OurProcess
from scripts.stack.ports import find_free_port
from scripts.stack.postgres import SUPERUSER
from scripts.stack.procfile import read_procfile

EVENTS = 10_000_000
ROUNDS = 15  # of every visit
WARM_ROUNDS = 3
DEPTH = 12  # pages that the deepest cursor lies behind the first
EMAIL = "admin@acequia.example"
ACTOR = Actor("cli", "bench")
SETTINGS: dict[str, object] = {"api_rate_caller_per_s": 100_000}
SORTS = get_args(Sort)
EVENTS_PAGE = f"/dashboard/tenants/{BIG}/events"
FILTERS: tuple[dict[str, str], ...] = (
    {"view": "failed"},
    {"view": "ignored"},
    {"outcome": "superseded"},
    {"kind": "customer"},
    {"state": "invoiced", "outcome": "duplicate"},
    {"until": f"{datetime.now(UTC) - timedelta(days=5):%Y-%m-%dT%H:%M}"},
)
_TIMING = re.compile(r"app;dur=([\d.]+)")
_TAG = re.compile(r"<[^>]*>")
_NEXT = re.compile(r'rel="next" href="([^"]+)"')


class Visit(NamedTuple):
    """One page to be looked at. `kind`: whose figure it counts to. `form`: of a POST."""

    kind: str
    path: str
    form: dict[str, str] | None = None


async def run(events: int = EVENTS) -> dict[str, object]:
    async with open_queue() as redis_url, open_installation(redis_url) as installation, AsyncExitStack() as resources:
        settings = read_settings_of(installation.environment("operator", **SETTINGS))
        office = await open_office(settings, resources, application_name="bench dashboard")
        await set_up_platform(office, actor=ACTOR)
        seeded = await seed(installation, office, events)
        sizes = await read_sizes(installation)
        browser = await open_dashboard(installation, office, resources)
        visits = await list_visits(browser, seeded)
        gc.freeze()
        taken = await measure(browser, visits)
    return {
        **{f"{kind}_p50_ms": round(median(values), 1) for kind, values in taken.items()},
        **{f"{kind}_max_ms": round(max(values), 1) for kind, values in taken.items()},
        **sizes,
        "tenants": TENANTS,
        "visits": sum(len(values) for values in taken.values()),
        "seeding_s": round(seeded.seconds, 1),
        **{f"{kind}_p95_ms": round(find_p95(values), 1) for kind, values in taken.items()},
    }


async def open_dashboard(installation: Installation, office: Office, resources: AsyncExitStack) -> httpx.AsyncClient:
    """The web process, and a client in which a platform admin is signed in. The process is stopped by `resources`."""
    web = OurProcess(
        "web",
        lambda _: read_procfile()["web"],
        lambda port: installation.environment("web", web_port=port, **SETTINGS),
        port=find_free_port(),
        log_path=installation.folder / "logs" / "web.log",
    )
    await web.start()
    resources.push_async_callback(web.stop, timeout_s=10.0)
    admin = await create_platform_admin(office, EMAIL, "Bench", actor=ACTOR)
    url = f"http://127.0.0.1:{web.port}"
    browser = httpx.AsyncClient(base_url=url, headers={"Origin": url}, timeout=60.0, trust_env=False)
    await resources.enter_async_context(browser)
    answer = await browser.post("/dashboard/sign-in", data={"email": EMAIL, "password": admin.password})
    if answer.status_code != 303:
        raise RuntimeError(f"not signed in: {answer.status_code}")
    return browser


async def list_visits(browser: httpx.AsyncClient, seeded: Seeded) -> list[Visit]:
    overview = [
        Visit("overview", "/dashboard/overview?" + urlencode({"sort": sort, "desc": desc, "at": at}))
        for sort in SORTS
        for desc, at in ((0, 0), (1, 0), (0, 500))
    ]
    listed = [Visit("events", path) for path in await walk_down(browser, EVENTS_PAGE)]
    for filters in FILTERS:
        paths = await walk_down(browser, f"{EVENTS_PAGE}?{urlencode(filters)}")
        listed += [Visit("events", path) for path in (*paths[:2], paths[-1])]
    random = Random(BIG)
    listed += [Visit("events", f"{EVENTS_PAGE}/{event_id}") for event_id in random.sample(seeded.event_ids, 6)]
    searches = [Visit("search", f"{EVENTS_PAGE}?{urlencode({'q': one})}") for one in random.sample(seeded.order_ids, 8)]
    for email in random.sample(seeded.emails, 8):
        form = {"by": "email", "value": email}
        answer = await browser.post(EVENTS_PAGE, data=form)
        searches += [Visit("search", EVENTS_PAGE, form), Visit("search", answer.headers["location"])]
    return overview + listed + searches


async def walk_down(browser: httpx.AsyncClient, path: str) -> list[str]:
    """The addresses of a list's first pages, as somebody goes on and on."""
    found = [path]
    while len(found) < DEPTH:
        match = _NEXT.search((await browser.get(found[-1])).text)
        if match is None:
            break
        found.append(unescape(match[1]))
    return found


async def measure(browser: httpx.AsyncClient, visits: Sequence[Visit]) -> dict[str, list[float]]:
    """Milliseconds per kind, all visits of a round in another order every time."""
    taken: dict[str, list[float]] = {}
    for number in range(-WARM_ROUNDS, ROUNDS):
        for visit in shuffle(visits, number):
            answer = await (
                browser.get(visit.path) if visit.form is None else browser.post(visit.path, data=visit.form)
            )
            match = _TIMING.search(answer.headers.get("server-timing", ""))
            if answer.status_code != (200 if visit.form is None else 303) or match is None:
                raise RuntimeError(f"{visit.path}: {answer.status_code} {_TAG.sub(' ', answer.text).split()}")
            if number >= 0:
                taken.setdefault(visit.kind, []).append(float(match[1]))
    return taken


def shuffle(visits: Sequence[Visit], number: int) -> Iterator[Visit]:
    return iter(Random(number).sample(visits, len(visits)))


async def read_sizes(installation: Installation) -> dict[str, Any]:
    superuser = await asyncpg.connect(installation.database_urls[SUPERUSER])
    sizes = {
        "events": await superuser.fetchval(
            "SELECT sum(events)::bigint FROM event_day_totals WHERE tenant_id = $1", BIG
        ),
        "database_mb": await superuser.fetchval("SELECT pg_database_size(current_database()) / 1048576"),
    }
    await superuser.close()
    return sizes
