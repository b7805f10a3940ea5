"""Test calls of our own addresses: sent as VTEX sends, and looked for in the ledger.

A test call goes the whole way: name, certificate, proxy, receiver, queue, worker. It is an event like any other and has
its ledger row (ignored, `probe`); only who counts business leaves it out.
"""

from datetime import UTC, datetime

import orjson

from app.connectors.vtex.probe import make_probe
from app.core.logging import get_logger
from app.core.own_address import OwnAddress, OwnAnswer
from app.core.settings import Settings
from app.services.hook_states import show_watch
from app.services.vtex_hooks import OurAddress
from db.hook_watches import Place, SentProbe, list_probes, note_path, note_probe
from db.ledger import find_outcomes
from db.pool import Database
from schemas.ids import make_uuid7

PROBES_MAX = 1_000  # looked for in one turn
SOMEBODY_ELSE = "Somebody else answers under PUBLIC_URL: look where it leads."
NOT_SETTLED = (
    "A test call was accepted and not worked off in time: the tenant's queue is long, or no worker drains it. Look at "
    "the queue's status and the workers."
)

log = get_logger()


class HookProbes:
    """One per worker process."""

    def __init__(self, settings: Settings, database: Database, own: OwnAddress) -> None:
        self._settings = settings
        self._database = database
        self._own = own

    async def send(self, place: Place, account: str, address: OurAddress) -> bool:
        """Sends one; False when it was not accepted, which is then said in the hook's note."""
        now = datetime.now(UTC)
        body = orjson.dumps(make_probe(account, make_uuid7()[-12:], now))
        answer = await self._own.call(address.url, address.headers, body)
        event_id = answer.document.get("event_id")
        if answer.status == 200 and isinstance(event_id, str):
            async with self._database.tenant_tx(place.tenant_id, "hook_probe") as connection:
                await note_probe(connection, place, event_id, now)
            return True
        await self._note(place, explain_answer(answer))
        return False

    async def look(self) -> int:
        """What became of those that were sent; how many came all the way since the last look."""
        arrived = 0
        for probe in await list_probes(self._database, PROBES_MAX):
            arrived += await self._look_for(probe)
        return arrived

    async def _look_for(self, probe: SentProbe) -> bool:
        tenant_id = probe.place.tenant_id
        async with self._database.tenant_tx(tenant_id, "hook_probe") as connection:
            is_there = bool(await find_outcomes(connection, tenant_id, [probe.event_id]))
        if is_there:
            await self._note(probe.place, None)
        elif (datetime.now(UTC) - probe.sent_at).total_seconds() > self._settings.hook_probe_wait_s:
            await self._note(probe.place, NOT_SETTLED, may_still_come=True)
        return is_there

    async def _note(self, place: Place, problem: str | None, *, may_still_come: bool = False) -> None:
        async with self._database.tenant_tx(place.tenant_id, "hook_path") as connection:
            before = await note_path(connection, place, problem, may_still_come=may_still_come)
            await show_watch(connection, place)
        if problem is not None and problem != before:
            log.error("hooks.path_broken", tenant_id=place.tenant_id, integration_id=place.integration_id, todo=problem)
        elif problem is None and before is not None:
            log.info("hooks.path_mended", tenant_id=place.tenant_id, integration_id=place.integration_id)


def explain_answer(answer: OwnAnswer, caller: str = "a worker") -> str:
    """What a test call that was not accepted tells an operator. `caller`: the process that sent it."""
    match answer.status:
        case 0:
            return (
                f"PUBLIC_URL cannot be reached from {caller} ({answer.failure}): look at its name, its certificate and "
                "the proxy; VTEX may not reach it either. If only workers cannot, set HOOK_PROBES=false."
            )
        case 401:
            return (
                "Our own address does not know its secret: is ENDPOINT_TOKEN_KEY the same in all processes, and "
                "REDIS_URL the same queue?"
            )
        case 429:
            return "The tenant's queue is full (QUEUE_EVENTS_MAX), so VTEX is told to come again."
        case 503:
            return "The receiver cannot keep events safely now: look at its /readyz."
        case 500 | 502 | 504:
            return f"A test call was answered {answer.status}: look at the receivers and the proxy before them."
        case _:
            return f"A test call was answered {answer.status}. {SOMEBODY_ELSE}"
