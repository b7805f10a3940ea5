"""The installation's first run: the platform's keys, and an administrator's API key for whoever started the demo."""

from contextlib import AsyncExitStack
from hmac import compare_digest
from typing import TYPE_CHECKING

from app.core.api_keys import find_key_id
from app.core.directory import read_endpoint_token_key
from app.core.tokens import derive_api_checksum_key, hash_token
from app.services.api_keys import create_platform_key, find_status
from app.services.audit import Actor
from app.services.office import Office, open_office
from app.services.setup import set_up_platform
from db.api_keys import find_api_key
from schemas.access import NewPlatformKey
from scripts.stack.passwords import read_private, write_private

if TYPE_CHECKING:
    from scripts.stack.stack import Stack

API_KEY_FILE = "api-key"  # in the data folder, mode 0600, nothing but the key: `$(cat .data/api-key)`
ACTOR = Actor("cli", "scripts/up")


async def keep_api_key(stack: "Stack") -> str:
    """The platform admin's key of before as long as it is valid, else a new one. Sets the platform up when nobody has.

    Raises PermissionError when somebody else may read the file.
    """
    path = stack.path / API_KEY_FILE
    async with AsyncExitStack() as resources:
        office = await open_office(stack.settings("operator"), resources, application_name="acequia demo")
        first = await set_up_platform(office, actor=ACTOR)
        kept = read_private(path)
        if kept is not None and await _is_valid(office, kept):
            return kept
        made = first or await create_platform_key(office, NewPlatformKey(name="scripts/up"), actor=ACTOR)
    write_private(path, made.api_key)
    return made.api_key


async def _is_valid(office: Office, text: str) -> bool:
    """Whether this installation made it and nobody ended it since."""
    token_key = read_endpoint_token_key(office.settings.get_url("endpoint_token_key"))
    key_id = find_key_id(derive_api_checksum_key(token_key), text)
    if key_id is None:
        return False
    async with office.database.platform_tx("find_key") as connection:
        row = await find_api_key(connection, key_id)
    if row is None or find_status(row) != "active":
        return False
    return any(compare_digest(hash_token(text), secret_hash) for secret_hash in row.secret_hashes)
