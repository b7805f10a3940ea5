"""A process that wants MercadoLibre's tokens: `python -m … MODE TENANT CLIENT_ID SECRET SEED URL`.

It says `ready`, waits for a line, and says the access token's hash, or the error's code. Modes: `get`; `hold` takes the
lease and keeps it; `crash` dies between the provider's answer and the commit.
"""

import asyncio
import os
import signal
import sys
from hashlib import sha256

from app.connectors.mercadolibre.access import Application
from app.connectors.mercadolibre.client import MercadoLibreClient, Seller
from app.connectors.vault import Tokens
from app.core.errors import AcequiaError
from app.core.outbound import Outbound
from app.core.settings import read_settings
from app.services.keyring import open_keyring
from app.services.token_shelves import IntegrationShelf
from app.services.token_vault import TokenVault
from db.integration_tokens import TokenPlace
from db.pool import Database
from tests.integration.sandbox.conftest import NoLimit


class DyingVault(TokenVault):
    """Dies with the answer in its hands."""

    async def commit(self, tokens: Tokens) -> None:
        del tokens
        os.kill(os.getpid(), signal.SIGKILL)


async def main(mode: str, tenant: str, client_id: str, secret: str, seed: str, url: str) -> None:  # noqa: PLR0917
    settings = read_settings()
    database = await Database.open(settings, application_name="refresher")
    keyring = await open_keyring(settings)
    application = Application(client_id, secret, "MLA", seed)
    kind = DyingVault if mode == "crash" else TokenVault
    vault = kind(IntegrationShelf(database, keyring, TokenPlace(int(tenant), 1)), settings, application.origin)
    client = MercadoLibreClient(Outbound(settings, NoLimit()), base_url=url)
    await asyncio.to_thread(_say_and_wait, "ready")
    if mode == "hold":
        async with vault.hold():
            await asyncio.to_thread(_say_and_wait, "held")
    try:
        tokens = await client.get_tokens(Seller(application, vault))
        _say(sha256(tokens.access_token.encode()).hexdigest())
    except AcequiaError as error:
        _say(error.code)


def _say_and_wait(word: str) -> None:
    _say(word)
    sys.stdin.readline()


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
