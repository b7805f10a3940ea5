"""API keys of a tenant, of an organization and of the platform."""

from app.api.call import Call
from app.api.operation import Operation, Result
from app.api.places import OF_PLATFORM, ORGANIZATION, TENANT, PlaceKind, find_place
from app.services.api_keys import (
    create_key,
    create_platform_key,
    list_keys,
    retire_key_secret,
    revoke_key,
    rotate_key,
)
from schemas.access import IssuedKey, Key, NewKey, NewPlatformKey
from schemas.api import Envelope, Page

TAG = "access"


async def get_keys(call: Call) -> Result:
    return Result(Page(data=await list_keys(call.office, find_place(call))))


async def post_key(call: Call) -> Result:
    place = find_place(call)
    key = await create_key(call.office, place, call.get_body(NewKey), actor=call.actor, held=call.permissions)
    return Result(Envelope(data=key), object_id=key.key_id)


async def post_platform_key(call: Call) -> Result:
    key = await create_platform_key(call.office, call.get_body(NewPlatformKey), actor=call.actor)
    return Result(Envelope(data=key), object_id=key.key_id)


async def post_rotation(call: Call) -> Result:
    place, key_id = find_place(call), call.get_text("key_id")
    key = await rotate_key(call.office, place, key_id, actor=call.actor, held=call.permissions)
    return Result(Envelope(data=key), object_id=key.key_id)


async def post_retirement(call: Call) -> Result:
    key = await retire_key_secret(call.office, find_place(call), call.get_text("key_id"), actor=call.actor)
    return Result(Envelope(data=key), object_id=key.key_id)


async def delete_key(call: Call) -> Result:
    key = await revoke_key(call.office, find_place(call), call.get_text("key_id"), actor=call.actor)
    return Result(Envelope(data=key))


def _make(kind: PlaceKind) -> tuple[Operation, ...]:
    one = f"{kind.prefix}/keys/{{key_id}}"
    subject, tenant_in, word = kind.subject, kind.tenant_in, kind.word
    is_platform = kind is OF_PLATFORM
    return (
        Operation(
            f"list_{word}keys", "GET", f"{kind.prefix}/keys", subject, kind.reads,
            "API keys, without their secrets", TAG, get_keys, Page[Key], tenant_in=tenant_in,
        ),
        Operation(
            f"create_{word}key", "POST", f"{kind.prefix}/keys", subject, kind.writes,
            "Make an API key; its secret is shown this once", TAG, post_platform_key if is_platform else post_key,
            Envelope[IssuedKey], 201, tenant_in, body=NewPlatformKey if is_platform else NewKey, shows_secret=True,
        ),
        Operation(
            f"rotate_{word}key", "POST", f"{one}/rotate", subject, kind.writes,
            "Another secret; the one before stays valid until it is retired", TAG, post_rotation,
            Envelope[IssuedKey], tenant_in=tenant_in, shows_secret=True,
        ),
        Operation(
            f"retire_{word}key_secret", "POST", f"{one}/retire-previous", subject, kind.writes,
            "End a rotation: only the newest secret is valid", TAG, post_retirement, Envelope[Key],
            tenant_in=tenant_in,
        ),
        Operation(
            f"revoke_{word}key", "DELETE", one, subject, kind.writes,
            "Revoke an API key for ever; it ends within a second", TAG, delete_key, Envelope[Key],
            tenant_in=tenant_in,
        ),
    )  # fmt: skip


OPERATIONS = (*_make(TENANT), *_make(ORGANIZATION), *_make(OF_PLATFORM))
