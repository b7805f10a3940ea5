"""How long credentials are good, asked of the provider each day, so that an alert can tell ahead of their end.

Of connectors whose check tells it. One turn, once a minute in one worker of however many there are:

    1. take the integrations that are due, the longest overdue first, at most CREDENTIAL_CHECKS_PER_MINUTE: a thousand
       that come at once are spread over the minutes, and stay so on the days after;
    2. claim each in Postgres, so that it is asked once an interval;
    3. put its credentials to the test, and write down when they end. What could not be told stays as it was, and is
       asked again within the hour.

Calls come out of the small budget of what people ask for.
"""

import asyncio

from app.connectors.listing import Access
from app.connectors.registry import list_connectors
from app.connectors.tools import Checked, Tools
from app.core.errors import AcequiaError
from app.core.logging import get_logger
from app.services.integrations import open_credentials, write_config
from app.services.keyring import Keyring
from db.credential_ends import claim_end, list_due_ends, put_back_end, set_end
from db.hook_watches import Place
from db.integrations import Integration, find_integration
from db.pool import Database

RETRY_S = 3_600.0
TURN_S = 25.0  # with the calls of the last one below a job's longest time: what is left is due, and taken by the next

log = get_logger()


class CredentialEnds:
    """One per worker process. `tools`: with the small budget."""

    def __init__(self, database: Database, keyring: Keyring, tools: Tools) -> None:
        self._database = database
        self._keyring = keyring
        self._tools = tools
        self._interval_s = float(tools.settings.credential_check_interval_s)

    async def run_turn(self) -> int:
        """How many integrations were asked about."""
        telling = [name for name, connector in list_connectors().items() if connector.tells_end]
        rows_max = self._tools.settings.credential_checks_per_minute
        due = await list_due_ends(self._database, telling, self._interval_s, rows_max)
        asked, ends_at = 0, asyncio.get_running_loop().time() + TURN_S
        for place in due:
            if asyncio.get_running_loop().time() >= ends_at:
                break
            asked += await self._look(place)
        return asked

    async def _look(self, place: Place) -> bool:
        async with self._database.tenant_tx(place.tenant_id, "claim_end") as connection:
            revision = await claim_end(connection, place, self._interval_s)
            row = await find_integration(connection, *place) if revision is not None else None
        if row is None:
            return False
        try:
            checked = await self._ask(row)
        except Exception as error:  # one integration stops no other
            level = log.info if isinstance(error, AcequiaError) else log.exception
            level("credentials.end_not_asked", error=type(error).__name__, **place._asdict())
            checked = None
        async with self._database.tenant_tx(place.tenant_id, "set_end") as connection:
            if checked is None or not checked.is_end_known:
                await put_back_end(connection, place, max(0.0, self._interval_s - RETRY_S))
            elif await set_end(connection, place, row.revision, checked.ends_at):
                log.info("credentials.end_told", **place._asdict())
        return True

    async def _ask(self, row: Integration) -> Checked:
        check = list_connectors()[row.connector].check
        if check is None or row.sealed_credentials is None:
            return Checked([])
        keys = await self._keyring.keys_of(row.tenant_id)
        credentials = open_credentials(keys, row.connector, row.account, row.sealed_credentials)
        return await check(
            self._tools,
            Access(row.account, row.environment, credentials, write_config(row), row.tenant_id, row.integration_id),
        )
