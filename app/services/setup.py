"""The first run of an installation: the platform's own keys, and the key of its first administrator."""

from app.services.api_keys import issue_key, list_keys
from app.services.audit import Actor
from app.services.office import PLATFORM, PLATFORM_KEYS_ID, Office
from db.api_keys import has_api_key
from schemas.access import IssuedKey

FIRST_KEY_NAME = "first platform admin"
NOT_SET_UP = "The platform has no administrator yet: run `acequia setup`."


async def set_up_platform(office: Office, *, actor: Actor) -> IssuedKey | None:
    """Makes what is missing. The key is shown this once; None when there is a live platform key already."""
    await office.keyring.create_tenant_keys(PLATFORM_KEYS_ID)
    if any(key.status == "active" for key in await list_keys(office, PLATFORM)):
        return None
    return await issue_key(office, PLATFORM, name=FIRST_KEY_NAME, role="platform_admin", actor=actor)


async def find_setup_problem(office: Office) -> str | None:
    """For /readyz: None once `acequia setup` has run. Keys that were revoked since do not unsay it."""
    async with office.database.platform_tx("find_setup_problem") as connection:
        return None if await has_api_key(connection, *PLATFORM) else NOT_SET_UP
