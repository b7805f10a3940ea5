"""The first run of an installation: the platform's own keys, and the key of its first administrator."""

from app.services.api_keys import issue_key, list_keys
from app.services.audit import Actor
from app.services.office import PLATFORM, PLATFORM_KEYS_ID, Office
from schemas.access import IssuedKey

FIRST_KEY_NAME = "first platform admin"


async def set_up_platform(office: Office, *, actor: Actor) -> IssuedKey | None:
    """Makes what is missing. The key is shown this once; None when there is a live platform key already."""
    await office.keyring.create_tenant_keys(PLATFORM_KEYS_ID)
    if any(key.status == "active" for key in await list_keys(office, PLATFORM)):
        return None
    return await issue_key(office, PLATFORM, name=FIRST_KEY_NAME, role="platform_admin", actor=actor)


async def is_set_up(office: Office) -> bool:
    """Whether there is a platform admin's key: without one nobody can begin."""
    return any(key.status == "active" for key in await list_keys(office, PLATFORM))
